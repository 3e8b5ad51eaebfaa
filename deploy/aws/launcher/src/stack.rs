//! The stack at CloudFormation: finding it, changing it, and waiting for it.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudformation::types::{Capability, Parameter, StackEvent, StackStatus, Tag};

use crate::advice::{AwsError, Failure, advise_by_reason};
use crate::progress::Progress;
use crate::session::Session;
use crate::template::{Parameters, TAG, TEMPLATE, UPDATE_POLICY};

/// How often AWS is asked.
const POLL: Duration = Duration::from_secs(3);
/// How many questions in a row may fail while something is waited for: the network may be away for some minutes.
const MAX_FAILED_POLLS: u32 = 20;

/// A stack as CloudFormation tells it.
#[derive(Debug)]
pub struct Stack {
    /// Its name and a UUID of its own: another stack of the same name has another one.
    pub id: String,
    /// `CREATE_COMPLETE`.
    pub status: String,
    /// What is made of it.
    pub outputs: HashMap<String, String>,
    /// What was said to it.
    pub parameters: HashMap<String, String>,
    owner: Option<String>,
}

impl Stack {
    fn of_sdk(stack: aws_sdk_cloudformation::types::Stack) -> Self {
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        let parameters = stack.parameters.unwrap_or_default().into_iter();
        let owner = stack.tags.unwrap_or_default().into_iter().find(|tag| tag.key.as_deref() == Some(TAG));
        Self {
            id: stack.stack_id.unwrap_or_default(),
            status: stack.stack_status.as_ref().map(StackStatus::as_str).unwrap_or_default().to_owned(),
            outputs: outputs.filter_map(|output| output.output_key.zip(output.output_value)).collect(),
            parameters: parameters.filter_map(|one| one.parameter_key.zip(one.parameter_value)).collect(),
            owner: owner.and_then(|tag| tag.value),
        }
    }

    /// An output of the template.
    ///
    /// # Errors
    /// The stack does not have it.
    pub fn output(&self, name: &str) -> Result<&str, Failure> {
        self.outputs.get(name).map(String::as_str).ok_or_else(|| {
            Failure::new(format!("the stack has no output {name}"), "remove it with --destroy, and launch again")
        })
    }

    /// The UUID at the end of the id.
    pub fn uuid(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or_default()
    }

    /// Whether nothing is under way and everything is there.
    pub fn is_complete(&self) -> bool {
        matches!(&*self.status, "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE")
    }

    /// Whether something is under way.
    pub fn is_moving(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS") && self.status != "REVIEW_IN_PROGRESS"
    }

    /// Whether a launcher made it under this name.
    ///
    /// # Errors
    /// Somebody else did.
    pub fn must_be_ours(&self, name: &str) -> Result<(), Failure> {
        if self.owner.as_deref() == Some(name) {
            return Ok(());
        }
        let what = format!("the stack {name} was not made by steps-launcher, so it is left alone");
        Err(Failure::new(what, "take another name with --name").usage())
    }
}

impl Session {
    /// The stack of this name or id; none where there is none.
    pub async fn find_stack(&self, name: &str) -> Result<Option<Stack>, Failure> {
        match self.cloudformation.describe_stacks().stack_name(name).send().await {
            Ok(answer) => Ok(answer.stacks.unwrap_or_default().into_iter().next().map(Stack::of_sdk)),
            Err(error) => match AwsError::of_sdk(&error) {
                error if error.message.contains("does not exist") => Ok(None),
                error => Err(Failure::of_aws("cloudformation:DescribeStacks", &error)),
            },
        }
    }

    /// The ids of the stacks of this name that launchers have removed. CloudFormation remembers them for 90 days.
    pub async fn removed_stacks(&self, name: &str) -> Result<Vec<String>, Failure> {
        let list = self.cloudformation.list_stacks().stack_status_filter(StackStatus::DeleteComplete);
        let mut pages = list.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Failure::of_sdk("cloudformation:ListStacks", &error))?;
            let named = page.stack_summaries.unwrap_or_default().into_iter();
            let named = named.filter(|stack| stack.stack_name.as_deref() == Some(name));
            for id in named.filter_map(|stack| stack.stack_id) {
                if self.find_stack(&id).await?.is_some_and(|stack| stack.owner.as_deref() == Some(name)) {
                    found.push(id);
                }
            }
        }
        Ok(found)
    }

    /// Begins a stack, and says its id.
    pub async fn create_stack(&self, name: &str, parameters: &Parameters) -> Result<String, Failure> {
        let parameters = parameters.iter().map(|(name, value)| parameter(name).parameter_value(value).build());
        let create = self.cloudformation.create_stack().stack_name(name).template_body(TEMPLATE);
        let create = create.set_parameters(Some(parameters.collect())).capabilities(Capability::CapabilityIam);
        let create = create.tags(Tag::builder().key(TAG).value(name).build()).stack_policy_body(UPDATE_POLICY);
        // An answer that is lost is asked for again, and is to find its own stack.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let create = create.client_request_token(format!("launch-{}", now.as_nanos()));
        let created = create.send().await.map_err(|error| Failure::of_sdk("cloudformation:CreateStack", &error))?;
        Ok(created.stack_id.unwrap_or_else(|| name.to_owned()))
    }

    /// Begins an update of a stack: what is not said stays. Says whether there was anything to do.
    pub async fn update_stack(&self, stack: &Stack, name: &str, said: &Parameters) -> Result<bool, Failure> {
        let kept = stack.parameters.keys().filter(|key| !said.contains_key(key.as_str()));
        // What a former template had and this one has not, it would refuse.
        let kept = kept.filter(|key| TEMPLATE.contains(&format!("\n  {key}:\n")));
        let kept = kept.map(|key| parameter(key).use_previous_value(true).build());
        let said = said.iter().map(|(name, value)| parameter(name).parameter_value(value).build());
        let update = self.cloudformation.update_stack().stack_name(&stack.id).template_body(TEMPLATE);
        let update = update.set_parameters(Some(kept.chain(said).collect())).capabilities(Capability::CapabilityIam);
        let update = update.tags(Tag::builder().key(TAG).value(name).build());
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) => match AwsError::of_sdk(&error) {
                error if error.message.contains("No updates are to be performed") => Ok(false),
                error => Err(Failure::of_aws("cloudformation:UpdateStack", &error)),
            },
        }
    }

    /// The template that a stack has.
    pub async fn template_of(&self, stack: &Stack) -> Result<String, Failure> {
        let answer = self.cloudformation.get_template().stack_name(&stack.id).send().await;
        let answer = answer.map_err(|error| Failure::of_sdk("cloudformation:GetTemplate", &error))?;
        Ok(answer.template_body.unwrap_or_default())
    }

    /// The physical ids of a stack's resources by their names; of a removed one too.
    pub async fn resources_of(&self, id: &str) -> Result<Vec<(String, String)>, Failure> {
        let answer = self.cloudformation.describe_stack_resources().stack_name(id).send().await;
        let answer = answer.map_err(|error| Failure::of_sdk("cloudformation:DescribeStackResources", &error))?;
        let resources = answer.stack_resources.unwrap_or_default().into_iter();
        Ok(resources.filter_map(|one| one.logical_resource_id.zip(one.physical_resource_id)).collect())
    }

    /// Begins to remove a stack.
    pub async fn delete_stack(&self, id: &str) -> Result<(), Failure> {
        let deleted = self.cloudformation.delete_stack().stack_name(id).send().await;
        deleted.map(drop).map_err(|error| Failure::of_sdk("cloudformation:DeleteStack", &error))
    }

    /// Waits until nothing of a stack is under way, shows what happens, and returns the stack as it is then.
    pub async fn wait_for_stack(&self, id: &str, progress: &Progress) -> Result<Option<Stack>, Failure> {
        let mut failed = 0;
        loop {
            let polled = async {
                let stack = self.find_stack(id).await?;
                progress.show(&self.events(id).await?);
                Ok(stack)
            };
            match polled.await {
                Ok(None) => return Ok(None),
                Ok(Some(stack)) if !stack.is_moving() => return Ok(Some(stack)),
                Ok(Some(_)) => failed = 0,
                Err(failure) => {
                    failed += 1;
                    if failed > MAX_FAILED_POLLS {
                        return Err(failure);
                    }
                    progress.doing("AWS does not answer; asking again");
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Why the last change of a stack failed: the first resource that did, the machine's last lines where it was the
    /// machine, and what to do.
    pub async fn why_failed(&self, stack: &Stack) -> Failure {
        let events = self.events(&stack.id).await.unwrap_or_default();
        let failed = events.iter().find(|event| {
            let status = event.resource_status.as_ref().map(|status| status.as_str()).unwrap_or_default();
            let reason = event.resource_status_reason.as_deref().unwrap_or_default();
            status.ends_with("_FAILED") && !reason.contains("cancelled")
        });
        let removal = "remove what is left with --destroy (nothing is served yet), and launch again";
        let Some(failed) = failed else {
            return Failure::new(format!("the stack is {}", stack.status), removal);
        };
        let name = failed.logical_resource_id.as_deref().unwrap_or_default();
        let reason = failed.resource_status_reason.as_deref().unwrap_or("AWS gave no reason");
        let mut what = format!("the stack is {}, because of {name}: {reason}", stack.status);
        if name == "Answers" {
            let machine = events.iter().find(|event| event.logical_resource_id.as_deref() == Some("Machine"));
            let machine = events.iter().rev().find_map(|event| {
                let id = event.physical_resource_id.as_deref().filter(|id| id.starts_with("i-"))?;
                (event.logical_resource_id == machine?.logical_resource_id).then_some(id)
            });
            if let Some(machine) = machine {
                what.push_str(&self.console_in_words(machine).await);
            }
        }
        let advice = advise_by_reason(reason);
        let advice = advice.map_or_else(|| removal.to_owned(), |advice| format!("{advice}; then {removal}"));
        Failure::new(what, advice)
    }

    /// The machine's last lines, to be put behind a sentence.
    pub async fn console_in_words(&self, machine: &str) -> String {
        match self.console(machine, 25).await {
            Ok(lines) if lines.is_empty() => format!("\n  {machine} has written nothing to its console yet"),
            Ok(lines) => format!("\n  the last lines of {machine}'s console:\n    {}", lines.join("\n    ")),
            Err(failure) => format!("\n  its console cannot be read: {}", failure.what),
        }
    }

    /// What happened since the last change of a stack began, oldest first.
    async fn events(&self, id: &str) -> Result<Vec<StackEvent>, Failure> {
        let mut pages = self.cloudformation.describe_stack_events().stack_name(id).into_paginator().send();
        let mut events = Vec::new();
        'pages: while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Failure::of_sdk("cloudformation:DescribeStackEvents", &error))?;
            for event in page.stack_events.unwrap_or_default() {
                let status = event.resource_status.as_ref().map(|status| status.as_str()).unwrap_or_default();
                let is_start = event.physical_resource_id == event.stack_id
                    && matches!(status, "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "DELETE_IN_PROGRESS");
                events.push(event);
                if is_start {
                    break 'pages;
                }
            }
        }
        events.reverse();
        Ok(events)
    }
}

fn parameter(name: &str) -> aws_sdk_cloudformation::types::builders::ParameterBuilder {
    Parameter::builder().parameter_key(name)
}
