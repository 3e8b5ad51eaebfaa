// A step for Jenkins pipelines. Copy it to vars/withSteps.groovy of a shared library, and in a Jenkinsfile:
//
//   withSteps(server: 'https://steps.example.com', component: 'shop', environment: 'production', version: env.GIT_COMMIT) {
//     sh 'steps run --status migrating -- ./migrate.sh'
//     sh './deploy.sh'
//   }
//
// The run is BUILD_TAG. Agents have the command `steps`. The token: withCredentials([string(credentialsId: 'steps', variable: 'STEPS_TOKEN')])
// around it. The body's result is what it would be without; nothing recorded fails or holds up a build.
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

def call(Map settings = [:], Closure body) {
  def variables = ['server', 'component', 'environment', 'version', 'owner', 'run']
    .findAll { settings[it] }
    .collect { "STEPS_${it.toUpperCase()}=${settings[it]}".toString() }
  withEnv(variables) {
    record('started')
    try {
      body()
    } catch (FlowInterruptedException interrupted) {
      record('cancelled')
      throw interrupted
    } catch (Throwable failed) {
      record('failed')
      throw failed
    }
    record(currentBuild.currentResult == 'FAILURE' ? 'failed' : 'succeeded')
  }
}

private void record(String status) {
  try {
    withEnv(["STEPS_STATUS=${status}".toString()]) {
      sh(returnStatus: true, label: "steps: ${status}", script: '''
        command -v steps >/dev/null || { echo "steps is not installed here: nothing is recorded"; exit 0; }
        steps record --best-effort --status "$STEPS_STATUS"
      ''')
    }
  } catch (Exception failed) {
    echo "steps: ${status} is not recorded: ${failed.message}"
  }
}
