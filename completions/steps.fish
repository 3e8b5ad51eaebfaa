# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_steps_global_optspecs
    string join \n server= timeout= ca-file= token-file= no-wait color= h/help V/version
end

function __fish_steps_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_steps_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_steps_using_subcommand
    set -l cmd (__fish_steps_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c steps -n "__fish_steps_needs_command" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_needs_command" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_needs_command" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_needs_command" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_needs_command" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_needs_command" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_needs_command" -s V -l version -d 'Print version'
complete -c steps -n "__fish_steps_needs_command" -f -a "record" -d 'Record a step'
complete -c steps -n "__fish_steps_needs_command" -f -a "run" -d 'Run a command and record how long it took'
complete -c steps -n "__fish_steps_needs_command" -f -a "flush" -d 'Deliver the steps that were kept while the server was away'
complete -c steps -n "__fish_steps_needs_command" -f -a "status" -d 'Show whether the server answers, and how many steps wait for it'
complete -c steps -n "__fish_steps_needs_command" -f -a "doctor" -d 'Look at everything that recording and asking need, and say what to do'
complete -c steps -n "__fish_steps_needs_command" -f -a "list" -d 'List recorded steps'
complete -c steps -n "__fish_steps_needs_command" -f -a "deployments" -d 'List deployments: how each ended and how long it took'
complete -c steps -n "__fish_steps_needs_command" -f -a "show" -d 'Show a deployment as a timeline of its steps'
complete -c steps -n "__fish_steps_needs_command" -f -a "compare" -d 'Compare two deployments step by step'
complete -c steps -n "__fish_steps_needs_command" -f -a "watch" -d 'Watch deployments as they happen, or wait for the end of one'
complete -c steps -n "__fish_steps_needs_command" -f -a "stats" -d 'Show counts, failures and durations of deployments, by component, week, owner and more'
complete -c steps -n "__fish_steps_needs_command" -f -a "trend" -d 'Show how durations grow, which step makes them grow, and since which version'
complete -c steps -n "__fish_steps_needs_command" -f -a "check" -d 'Check whether the newest deployment is within its budget; for pipelines'
complete -c steps -n "__fish_steps_needs_command" -f -a "exclude" -d 'Leave a deployment out of every figure: it was a test, or was recorded wrongly'
complete -c steps -n "__fish_steps_needs_command" -f -a "include" -d 'Take an exclusion back'
complete -c steps -n "__fish_steps_needs_command" -f -a "note" -d 'Note what is known of a component: a mark on its charts'
complete -c steps -n "__fish_steps_needs_command" -f -a "notes" -d 'List notes'
complete -c steps -n "__fish_steps_needs_command" -f -a "open" -d 'Open a page of the server in a browser, or print its address'
complete -c steps -n "__fish_steps_needs_command" -f -a "import" -d 'Import steps from a CSV or JSONL file'
complete -c steps -n "__fish_steps_needs_command" -f -a "login" -d 'Store a token for a server, after asking that whether it is right'
complete -c steps -n "__fish_steps_needs_command" -f -a "logout" -d 'Forget the stored token of a server'
complete -c steps -n "__fish_steps_needs_command" -f -a "token" -d 'Make, list and revoke tokens'
complete -c steps -n "__fish_steps_needs_command" -f -a "config" -d 'Show each setting, its value and where it came from'
complete -c steps -n "__fish_steps_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c steps -n "__fish_steps_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c steps -n "__fish_steps_using_subcommand record" -l component -d 'What is deployed [env: STEPS_COMPONENT] [default: Kamal\'s service, else the name of the CI\'s repository]' -r
complete -c steps -n "__fish_steps_using_subcommand record" -l version -d 'Which version of it [env: STEPS_VERSION] [default: the CI\'s commit, else git describe]' -r
complete -c steps -n "__fish_steps_using_subcommand record" -l owner -d 'Who is responsible [env: STEPS_OWNER] [default: the CI\'s user, else git\'s user.name, the login, uid-N]' -r
complete -c steps -n "__fish_steps_using_subcommand record" -l environment -d 'Where it is deployed to [env: STEPS_ENVIRONMENT] [default: the CI\'s or Kamal\'s, else production]' -r
complete -c steps -n "__fish_steps_using_subcommand record" -l run -d 'The CI run it belongs to; steps of different runs are never of one deployment [env: STEPS_RUN] [default: the CI\'s]' -r
complete -c steps -n "__fish_steps_using_subcommand record" -l attempt -d 'Which attempt of that run, from 1 [env: STEPS_ATTEMPT] [default: the CI\'s]' -r
complete -c steps -n "__fish_steps_using_subcommand record" -l status -d 'The phase that begins, such as building, or the end, such as succeeded' -r
complete -c steps -n "__fish_steps_using_subcommand record" -l ts -d 'When it began, if not now: 2026-01-05T09:30:00Z, or \'2026-01-05 09:30:00\' in UTC' -r
complete -c steps -n "__fish_steps_using_subcommand record" -l id -d 'The step\'s id, a UUID; recording the same id again changes nothing [default: a new one]' -r
complete -c steps -n "__fish_steps_using_subcommand record" -l spool-dir -d 'The folder in which steps are kept [env: STEPS_SPOOL_DIR] [default: steps/spool in the user\'s state folder]' -r -f -a "(__fish_complete_directories)"
complete -c steps -n "__fish_steps_using_subcommand record" -l spool-limit -d 'How much may be kept there, such as 64MiB [env: STEPS_SPOOL_LIMIT] [default: 64MiB]' -r
complete -c steps -n "__fish_steps_using_subcommand record" -l format -d 'How the recorded step is printed' -r -f -a "text\t'One line to read'
json\t'The step as JSON, on one line'"
complete -c steps -n "__fish_steps_using_subcommand record" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand record" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand record" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand record" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand record" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand record" -l no-spool -d 'Keep nothing: a step that cannot be delivered is an error [env: STEPS_NO_SPOOL]'
complete -c steps -n "__fish_steps_using_subcommand record" -l strict -d 'Exit with 1 when the step is kept instead of recorded'
complete -c steps -n "__fish_steps_using_subcommand record" -l best-effort -d 'Exit with 0 whatever fails, and warn: for hooks whose failure aborts a deploy'
complete -c steps -n "__fish_steps_using_subcommand record" -s q -l quiet -d 'Print nothing when it is recorded'
complete -c steps -n "__fish_steps_using_subcommand record" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand record" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand run" -l component -d 'What is deployed [env: STEPS_COMPONENT] [default: Kamal\'s service, else the name of the CI\'s repository]' -r
complete -c steps -n "__fish_steps_using_subcommand run" -l version -d 'Which version of it [env: STEPS_VERSION] [default: the CI\'s commit, else git describe]' -r
complete -c steps -n "__fish_steps_using_subcommand run" -l owner -d 'Who is responsible [env: STEPS_OWNER] [default: the CI\'s user, else git\'s user.name, the login, uid-N]' -r
complete -c steps -n "__fish_steps_using_subcommand run" -l environment -d 'Where it is deployed to [env: STEPS_ENVIRONMENT] [default: the CI\'s or Kamal\'s, else production]' -r
complete -c steps -n "__fish_steps_using_subcommand run" -l run -d 'The CI run it belongs to; steps of different runs are never of one deployment [env: STEPS_RUN] [default: the CI\'s]' -r
complete -c steps -n "__fish_steps_using_subcommand run" -l attempt -d 'Which attempt of that run, from 1 [env: STEPS_ATTEMPT] [default: the CI\'s]' -r
complete -c steps -n "__fish_steps_using_subcommand run" -l status -d 'The phase that CMD is, such as migrating' -r
complete -c steps -n "__fish_steps_using_subcommand run" -l spool-dir -d 'The folder in which steps are kept [env: STEPS_SPOOL_DIR] [default: steps/spool in the user\'s state folder]' -r -f -a "(__fish_complete_directories)"
complete -c steps -n "__fish_steps_using_subcommand run" -l spool-limit -d 'How much may be kept there, such as 64MiB [env: STEPS_SPOOL_LIMIT] [default: 64MiB]' -r
complete -c steps -n "__fish_steps_using_subcommand run" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand run" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand run" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand run" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand run" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand run" -l deployment -d 'CMD is the whole deployment: record started before it, and succeeded or failed after it'
complete -c steps -n "__fish_steps_using_subcommand run" -l progress -d 'Show how far the deployment is, and how much longer it takes, in a line below CMD\'s output, where that is a terminal'
complete -c steps -n "__fish_steps_using_subcommand run" -l no-spool -d 'Keep nothing: a step that cannot be delivered is an error [env: STEPS_NO_SPOOL]'
complete -c steps -n "__fish_steps_using_subcommand run" -l strict -d 'Do not start CMD when it cannot be recorded; exit with 1 when it succeeded, but its recording did not reach the server'
complete -c steps -n "__fish_steps_using_subcommand run" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand flush" -l from -d 'Deliver what waits for this server to the present one instead' -r -f
complete -c steps -n "__fish_steps_using_subcommand flush" -l spool-dir -d 'The folder in which steps are kept [env: STEPS_SPOOL_DIR] [default: steps/spool in the user\'s state folder]' -r -f -a "(__fish_complete_directories)"
complete -c steps -n "__fish_steps_using_subcommand flush" -l spool-limit -d 'How much may be kept there, such as 64MiB [env: STEPS_SPOOL_LIMIT] [default: 64MiB]' -r
complete -c steps -n "__fish_steps_using_subcommand flush" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand flush" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand flush" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand flush" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand flush" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand flush" -l no-spool -d 'Keep nothing: a step that cannot be delivered is an error [env: STEPS_NO_SPOOL]'
complete -c steps -n "__fish_steps_using_subcommand flush" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand flush" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand status" -l spool-dir -d 'The folder in which steps are kept [env: STEPS_SPOOL_DIR] [default: steps/spool in the user\'s state folder]' -r -f -a "(__fish_complete_directories)"
complete -c steps -n "__fish_steps_using_subcommand status" -l spool-limit -d 'How much may be kept there, such as 64MiB [env: STEPS_SPOOL_LIMIT] [default: 64MiB]' -r
complete -c steps -n "__fish_steps_using_subcommand status" -l format -d 'How it is printed [default: a table on a terminal, else csv]' -r -f -a "table\t'Columns to read'
csv\t'With a header'
json\t'One document'"
complete -c steps -n "__fish_steps_using_subcommand status" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand status" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand status" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand status" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand status" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand status" -l no-spool -d 'Keep nothing: a step that cannot be delivered is an error [env: STEPS_NO_SPOOL]'
complete -c steps -n "__fish_steps_using_subcommand status" -l safe -d 'Of CSV: an apostrophe before each text that a spreadsheet would run as a formula'
complete -c steps -n "__fish_steps_using_subcommand status" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand doctor" -l format -d 'How it is printed [default: a table on a terminal, else json]' -r -f -a "table\t'Lines to read'
json\t'An array, with an object for each line'"
complete -c steps -n "__fish_steps_using_subcommand doctor" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand doctor" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand doctor" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand doctor" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand doctor" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand doctor" -l ascii -d 'Draw with ASCII characters only, as where the locale is not UTF-8'
complete -c steps -n "__fish_steps_using_subcommand doctor" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand list" -l component -d 'Only this component' -r
complete -c steps -n "__fish_steps_using_subcommand list" -l version -d 'Only this version' -r
complete -c steps -n "__fish_steps_using_subcommand list" -l owner -d 'Only this owner' -r
complete -c steps -n "__fish_steps_using_subcommand list" -l status -d 'Only with this status; of a deployment, the last that was recorded' -r
complete -c steps -n "__fish_steps_using_subcommand list" -l environment -d 'Only this environment' -r
complete -c steps -n "__fish_steps_using_subcommand list" -l run -d 'Only this CI run' -r
complete -c steps -n "__fish_steps_using_subcommand list" -l since -d 'Only what began then or later: 2026-01-05 09:30, yesterday, monday, last month, or a span back from now such as 2h or 7d' -r
complete -c steps -n "__fish_steps_using_subcommand list" -l until -d 'Only what began then or earlier; a whole second or minute is included, a day or month alone is its beginning' -r
complete -c steps -n "__fish_steps_using_subcommand list" -l tz -d 'The time zone of dates, and of times without one, such as Europe/Berlin [env: STEPS_TZ] [default: UTC]' -r
complete -c steps -n "__fish_steps_using_subcommand list" -l id -d 'Only the step with this id' -r
complete -c steps -n "__fish_steps_using_subcommand list" -l columns -d 'Only these columns, in this order: component, version, owner, status, ts, environment, run, id, started_at, ended_at, duration_seconds, deployment_id, span, outcome, exit_code, attempt, result' -r -f -a "component\t''
version\t''
owner\t''
status\t''
ts\t''
environment\t''
run\t''
id\t''
started_at\t''
ended_at\t''
duration_seconds\t''
deployment_id\t''
span\t''
outcome\t''
exit_code\t''
attempt\t''
result\t''"
complete -c steps -n "__fish_steps_using_subcommand list" -l limit -d 'At most so many rows: the newest in a table, the first in an export, unless --order says otherwise' -r
complete -c steps -n "__fish_steps_using_subcommand list" -l order -d 'The oldest first (asc), or the newest (desc) [default: asc]' -r -f -a "asc\t''
desc\t''"
complete -c steps -n "__fish_steps_using_subcommand list" -l format -d 'How it is written [default: by the name of --output; else a table on a terminal, csv in a pipe]' -r -f -a "table\t'Columns to read; of a list the newest 100 unless --limit says otherwise'
markdown\t'The same as Markdown, for summaries of jobs and comments on merge requests'
csv\t'RFC 4180 with a header, and the line ends of the shell\'s tools'
json\t'One document'
jsonl\t'One JSON object a line'
xlsx\t'An Excel workbook'"
complete -c steps -n "__fish_steps_using_subcommand list" -s o -l output -d 'Write to this file, which appears when it is complete: .csv, .json, .jsonl or .xlsx; .csv.gz is compressed' -r -F
complete -c steps -n "__fish_steps_using_subcommand list" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand list" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand list" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand list" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand list" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand list" -l safe -d 'Of CSV: an apostrophe before each text that a spreadsheet would run as a formula'
complete -c steps -n "__fish_steps_using_subcommand list" -l count -d 'Print only how many there are'
complete -c steps -n "__fish_steps_using_subcommand list" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand deployments" -l component -d 'Only this component' -r
complete -c steps -n "__fish_steps_using_subcommand deployments" -l version -d 'Only this version' -r
complete -c steps -n "__fish_steps_using_subcommand deployments" -l owner -d 'Only this owner' -r
complete -c steps -n "__fish_steps_using_subcommand deployments" -l status -d 'Only with this status; of a deployment, the last that was recorded' -r
complete -c steps -n "__fish_steps_using_subcommand deployments" -l environment -d 'Only this environment' -r
complete -c steps -n "__fish_steps_using_subcommand deployments" -l run -d 'Only this CI run' -r
complete -c steps -n "__fish_steps_using_subcommand deployments" -l since -d 'Only what began then or later: 2026-01-05 09:30, yesterday, monday, last month, or a span back from now such as 2h or 7d' -r
complete -c steps -n "__fish_steps_using_subcommand deployments" -l until -d 'Only what began then or earlier; a whole second or minute is included, a day or month alone is its beginning' -r
complete -c steps -n "__fish_steps_using_subcommand deployments" -l outcome -d 'Only with this outcome: succeeded, failed, cancelled, running or abandoned' -r -f -a "succeeded\t''
failed\t''
cancelled\t''
running\t''
abandoned\t''"
complete -c steps -n "__fish_steps_using_subcommand deployments" -l min-duration -d 'Only what took at least so long: 90s, 15m, 1h30m' -r
complete -c steps -n "__fish_steps_using_subcommand deployments" -l max-duration -d 'Only what took at most so long' -r
complete -c steps -n "__fish_steps_using_subcommand deployments" -l tz -d 'The time zone of dates, and of times without one, such as Europe/Berlin [env: STEPS_TZ] [default: UTC]' -r
complete -c steps -n "__fish_steps_using_subcommand deployments" -l columns -d 'Only these columns, in this order: component, version, started_at, ended_at, duration_seconds, outcome, status, owner, environment, run, steps, id, attempt, retry, work_seconds, waiting_seconds, gap_seconds, clocks_differ, looks_concurrent, excluded' -r -f -a "component\t''
version\t''
started_at\t''
ended_at\t''
duration_seconds\t''
outcome\t''
status\t''
owner\t''
environment\t''
run\t''
steps\t''
id\t''
attempt\t''
retry\t''
work_seconds\t''
waiting_seconds\t''
gap_seconds\t''
clocks_differ\t''
looks_concurrent\t''
excluded\t''"
complete -c steps -n "__fish_steps_using_subcommand deployments" -l limit -d 'At most so many rows: the newest in a table, the first in an export, unless --order says otherwise' -r
complete -c steps -n "__fish_steps_using_subcommand deployments" -l order -d 'The oldest first (asc), or the newest (desc) [default: asc]' -r -f -a "asc\t''
desc\t''"
complete -c steps -n "__fish_steps_using_subcommand deployments" -l format -d 'How it is written [default: by the name of --output; else a table on a terminal, csv in a pipe]' -r -f -a "table\t'Columns to read; of a list the newest 100 unless --limit says otherwise'
markdown\t'The same as Markdown, for summaries of jobs and comments on merge requests'
csv\t'RFC 4180 with a header, and the line ends of the shell\'s tools'
json\t'One document'
jsonl\t'One JSON object a line'
xlsx\t'An Excel workbook'"
complete -c steps -n "__fish_steps_using_subcommand deployments" -s o -l output -d 'Write to this file, which appears when it is complete: .csv, .json, .jsonl or .xlsx; .csv.gz is compressed' -r -F
complete -c steps -n "__fish_steps_using_subcommand deployments" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand deployments" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand deployments" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand deployments" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand deployments" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand deployments" -l safe -d 'Of CSV: an apostrophe before each text that a spreadsheet would run as a formula'
complete -c steps -n "__fish_steps_using_subcommand deployments" -l count -d 'Print only how many there are'
complete -c steps -n "__fish_steps_using_subcommand deployments" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand deployments" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand show" -l environment -d 'The newest deployment in this environment' -r
complete -c steps -n "__fish_steps_using_subcommand show" -l format -d 'How it is written [default: a table on a terminal, csv in a pipe]' -r -f -a "table\t'A timeline to read'
markdown\t'The same as a block of Markdown'
json\t'The deployment with its steps, as one document'
csv\t'Its steps'"
complete -c steps -n "__fish_steps_using_subcommand show" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand show" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand show" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand show" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand show" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand show" -l left -d 'Only how much longer it takes, in one line; with --format json as a document'
complete -c steps -n "__fish_steps_using_subcommand show" -l safe -d 'Of CSV: an apostrophe before each text that a spreadsheet would run as a formula'
complete -c steps -n "__fish_steps_using_subcommand show" -l ascii -d 'Draw with ASCII characters only, as where the locale is not UTF-8'
complete -c steps -n "__fish_steps_using_subcommand show" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand compare" -l environment -d 'The newest deployment in this environment' -r
complete -c steps -n "__fish_steps_using_subcommand compare" -l format -d 'How it is written [default: by the name of --output; else a table on a terminal, csv in a pipe]' -r -f -a "table\t'Columns to read; of a list the newest 100 unless --limit says otherwise'
markdown\t'The same as Markdown, for summaries of jobs and comments on merge requests'
csv\t'RFC 4180 with a header, and the line ends of the shell\'s tools'
json\t'One document'
jsonl\t'One JSON object a line'
xlsx\t'An Excel workbook'"
complete -c steps -n "__fish_steps_using_subcommand compare" -s o -l output -d 'Write to this file, which appears when it is complete: .csv, .json, .jsonl or .xlsx; .csv.gz is compressed' -r -F
complete -c steps -n "__fish_steps_using_subcommand compare" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand compare" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand compare" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand compare" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand compare" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand compare" -l safe -d 'Of CSV: an apostrophe before each text that a spreadsheet would run as a formula'
complete -c steps -n "__fish_steps_using_subcommand compare" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand compare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand watch" -l environment -d 'Only this environment' -r
complete -c steps -n "__fish_steps_using_subcommand watch" -l version -d 'Only this version' -r
complete -c steps -n "__fish_steps_using_subcommand watch" -l owner -d 'Only this owner' -r
complete -c steps -n "__fish_steps_using_subcommand watch" -l run -d 'Only this CI run' -r
complete -c steps -n "__fish_steps_using_subcommand watch" -l format -d 'Write events as lines: text for people, jsonl for programs [default: a live view on a terminal, text when piped]' -r -f -a "text\t'A line in words'
jsonl\t'A JSON object a line'"
complete -c steps -n "__fish_steps_using_subcommand watch" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand watch" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand watch" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand watch" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand watch" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand watch" -l once -d 'End with the first deployment that ends: 0 when it succeeded, else 1'
complete -c steps -n "__fish_steps_using_subcommand watch" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand stats" -l by -d 'The groups: component, status, owner, environment, day, week, month, version, run or outcome; several combine' -r -f -a "component\t''
status\t''
owner\t''
environment\t''
day\t''
week\t''
month\t''
version\t''
run\t''
outcome\t''"
complete -c steps -n "__fish_steps_using_subcommand stats" -l tz -d 'The time zone of days, weeks and months, and of dates, such as Europe/Berlin [env: STEPS_TZ] [default: UTC]' -r
complete -c steps -n "__fish_steps_using_subcommand stats" -l component -d 'Only this component' -r
complete -c steps -n "__fish_steps_using_subcommand stats" -l version -d 'Only this version' -r
complete -c steps -n "__fish_steps_using_subcommand stats" -l owner -d 'Only this owner' -r
complete -c steps -n "__fish_steps_using_subcommand stats" -l status -d 'Only with this status; of a deployment, the last that was recorded' -r
complete -c steps -n "__fish_steps_using_subcommand stats" -l environment -d 'Only this environment' -r
complete -c steps -n "__fish_steps_using_subcommand stats" -l run -d 'Only this CI run' -r
complete -c steps -n "__fish_steps_using_subcommand stats" -l since -d 'Only what began then or later: 2026-01-05 09:30, yesterday, monday, last month, or a span back from now such as 2h or 7d' -r
complete -c steps -n "__fish_steps_using_subcommand stats" -l until -d 'Only what began then or earlier; a whole second or minute is included, a day or month alone is its beginning' -r
complete -c steps -n "__fish_steps_using_subcommand stats" -l outcome -d 'Only with this outcome: succeeded, failed, cancelled, running or abandoned' -r -f -a "succeeded\t''
failed\t''
cancelled\t''
running\t''
abandoned\t''"
complete -c steps -n "__fish_steps_using_subcommand stats" -l min-duration -d 'Only what took at least so long: 90s, 15m, 1h30m' -r
complete -c steps -n "__fish_steps_using_subcommand stats" -l max-duration -d 'Only what took at most so long' -r
complete -c steps -n "__fish_steps_using_subcommand stats" -l format -d 'How it is written [default: by the name of --output; else a table on a terminal, csv in a pipe]' -r -f -a "table\t'Columns to read; of a list the newest 100 unless --limit says otherwise'
markdown\t'The same as Markdown, for summaries of jobs and comments on merge requests'
csv\t'RFC 4180 with a header, and the line ends of the shell\'s tools'
json\t'One document'
jsonl\t'One JSON object a line'
xlsx\t'An Excel workbook'"
complete -c steps -n "__fish_steps_using_subcommand stats" -s o -l output -d 'Write to this file, which appears when it is complete: .csv, .json, .jsonl or .xlsx; .csv.gz is compressed' -r -F
complete -c steps -n "__fish_steps_using_subcommand stats" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand stats" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand stats" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand stats" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand stats" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand stats" -l exclude-waiting -d 'Durations without the time in which only waiting statuses were open'
complete -c steps -n "__fish_steps_using_subcommand stats" -l safe -d 'Of CSV: an apostrophe before each text that a spreadsheet would run as a formula'
complete -c steps -n "__fish_steps_using_subcommand stats" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand trend" -l component -d 'The same' -r
complete -c steps -n "__fish_steps_using_subcommand trend" -l environment -d 'Only in this environment' -r
complete -c steps -n "__fish_steps_using_subcommand trend" -l step -d 'Of this step rather than of whole deployments' -r
complete -c steps -n "__fish_steps_using_subcommand trend" -l since -d 'Only what started then or later: 2026-01-05 09:30, yesterday, monday, last month, or a span back from now such as 12w [default: 90d]' -r
complete -c steps -n "__fish_steps_using_subcommand trend" -l until -d 'Only what started then or earlier; a whole second or minute is included, a date alone is its midnight' -r
complete -c steps -n "__fish_steps_using_subcommand trend" -l tz -d 'The time zone of dates, and of times without one, such as Europe/Berlin [env: STEPS_TZ] [default: UTC]' -r
complete -c steps -n "__fish_steps_using_subcommand trend" -l by -d 'Medians of these [default: week; sprint for one component]' -r -f -a "week\t''
sprint\t''"
complete -c steps -n "__fish_steps_using_subcommand trend" -l sprint-start -d 'When a sprint began [env: STEPS_SPRINT_START] [default: 2026-01-05]' -r
complete -c steps -n "__fish_steps_using_subcommand trend" -l sprint-length -d 'How long each sprint is, such as 14d or 2w [env: STEPS_SPRINT_LENGTH] [default: 14d]' -r
complete -c steps -n "__fish_steps_using_subcommand trend" -l min-change -d 'The smallest growth in a week that matters [env: STEPS_MIN_CHANGE] [default: 1%]' -r
complete -c steps -n "__fish_steps_using_subcommand trend" -l min-difference -d 'The smallest difference that matters [default: a hundredth of a deployment, and the recorded resolution]' -r
complete -c steps -n "__fish_steps_using_subcommand trend" -l svg -d 'Write the chart to this file as SVG, which appears when it is complete' -r -F
complete -c steps -n "__fish_steps_using_subcommand trend" -l format -d 'How it is written [default: by the name of --output; else a table on a terminal, csv in a pipe]' -r -f -a "table\t'Columns to read; of a list the newest 100 unless --limit says otherwise'
markdown\t'The same as Markdown, for summaries of jobs and comments on merge requests'
csv\t'RFC 4180 with a header, and the line ends of the shell\'s tools'
json\t'One document'
jsonl\t'One JSON object a line'
xlsx\t'An Excel workbook'"
complete -c steps -n "__fish_steps_using_subcommand trend" -s o -l output -d 'Write to this file, which appears when it is complete: .csv, .json, .jsonl or .xlsx; .csv.gz is compressed' -r -F
complete -c steps -n "__fish_steps_using_subcommand trend" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand trend" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand trend" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand trend" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand trend" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand trend" -l exclude-waiting -d 'Of the time without that in which only waiting statuses were open'
complete -c steps -n "__fish_steps_using_subcommand trend" -l ascii -d 'Draw with ASCII characters only, as where the locale is not UTF-8'
complete -c steps -n "__fish_steps_using_subcommand trend" -l safe -d 'Of CSV: an apostrophe before each text that a spreadsheet would run as a formula'
complete -c steps -n "__fish_steps_using_subcommand trend" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand trend" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand check" -l component -d 'What is deployed; of rules, only those of it [env: STEPS_COMPONENT]' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l environment -d 'Where to; of rules, only those of it [env: STEPS_ENVIRONMENT] [default: production]' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l version -d 'The newest successful deployment of this version, rather than of any; from this flag alone, no variable' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l step -d 'This step in it, rather than the whole; of rules, only those of it' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l max -d 'No longer than this: 90s, 10m, 1h30m' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l min -d 'No less than this' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l baseline -d 'No longer than this percentile of those before, and the margin: p95, median' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l last -d 'How many of those before make the baseline, 10 to 1000 [default: 30]' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l margin -d 'How far above the baseline is still within [default: 20%]' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l max-growth -d 'Growing no faster than this: 5%/week' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l min-difference -d 'The smallest difference from a baseline that matters [default: a hundredth of a deployment]' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l since -d 'Only deployments before that began then or later: a date, a time, or a span before the one that is judged [default: 90d]' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l tz -d 'The time zone of dates, and of times without one, such as Europe/Berlin [env: STEPS_TZ] [default: UTC]' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l replay -d 'Show how often the limits would have fired in so long a time until now, and exit with 0' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l format -d 'How it is printed' -r -f -a "table\t'Sentences to read, in the log of a pipeline too'
markdown\t'The same as Markdown, for summaries of jobs and comments on merge requests'
json\t'An array of answers'
csv\t'A row for each limit'"
complete -c steps -n "__fish_steps_using_subcommand check" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand check" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand check" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand check" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand check" -l both-ways -d 'No less than the percentile at the other end and the margin, either: p5 for p95'
complete -c steps -n "__fish_steps_using_subcommand check" -l exclude-waiting -d 'Judge the time without that in which only waiting statuses were open'
complete -c steps -n "__fish_steps_using_subcommand check" -l safe -d 'Of CSV: an apostrophe before each text that a spreadsheet would run as a formula'
complete -c steps -n "__fish_steps_using_subcommand check" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand exclude" -l reason -d 'Why, for those who see it in lists' -r
complete -c steps -n "__fish_steps_using_subcommand exclude" -l owner -d 'Who says so [env: STEPS_OWNER] [default: the CI\'s user, else git\'s user.name, else the login]' -r
complete -c steps -n "__fish_steps_using_subcommand exclude" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand exclude" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand exclude" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand exclude" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand exclude" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand exclude" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand exclude" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand include" -l owner -d 'Who says so [env: STEPS_OWNER] [default: the CI\'s user, else git\'s user.name, else the login]' -r
complete -c steps -n "__fish_steps_using_subcommand include" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand include" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand include" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand include" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand include" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand include" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand include" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand note" -l at -d 'When it was, or began: 2026-01-05 09:30, yesterday, monday 10:30, or a span back from now such as 2h [default: now]' -r
complete -c steps -n "__fish_steps_using_subcommand note" -l until -d 'When it ended, or will end; without it the note is of a moment' -r
complete -c steps -n "__fish_steps_using_subcommand note" -l environment -d 'Only in this environment [default: in all of them]' -r
complete -c steps -n "__fish_steps_using_subcommand note" -l owner -d 'Who says so [env: STEPS_OWNER] [default: the CI\'s user, else git\'s user.name, else the login]' -r
complete -c steps -n "__fish_steps_using_subcommand note" -l id -d 'The note\'s id, a UUID; recording the same id again changes nothing [default: a new one]' -r
complete -c steps -n "__fish_steps_using_subcommand note" -l remove -d 'Remove the note with this id, which \'steps notes\' lists' -r
complete -c steps -n "__fish_steps_using_subcommand note" -l tz -d 'The time zone of dates, and of times without one, such as Europe/Berlin [env: STEPS_TZ] [default: UTC]' -r
complete -c steps -n "__fish_steps_using_subcommand note" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand note" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand note" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand note" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand note" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand note" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand note" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand notes" -l environment -d 'Only in this environment, or in all of them' -r
complete -c steps -n "__fish_steps_using_subcommand notes" -l owner -d 'Only by this owner' -r
complete -c steps -n "__fish_steps_using_subcommand notes" -l since -d 'Only what was not over then: 2026-01-05 09:30, yesterday, monday, last month, or a span back from now such as 2h or 7d' -r
complete -c steps -n "__fish_steps_using_subcommand notes" -l until -d 'Only what began then or earlier' -r
complete -c steps -n "__fish_steps_using_subcommand notes" -l tz -d 'The time zone of dates, and of times without one, such as Europe/Berlin [env: STEPS_TZ] [default: UTC]' -r
complete -c steps -n "__fish_steps_using_subcommand notes" -l columns -d 'Only these columns, in this order: at, until, component, environment, text, owner, recorded_at, id' -r -f -a "at\t''
until\t''
component\t''
environment\t''
text\t''
owner\t''
recorded_at\t''
id\t''"
complete -c steps -n "__fish_steps_using_subcommand notes" -l limit -d 'At most so many rows: the newest in a table, the first in an export, unless --order says otherwise' -r
complete -c steps -n "__fish_steps_using_subcommand notes" -l order -d 'The oldest first (asc), or the newest (desc) [default: asc]' -r -f -a "asc\t''
desc\t''"
complete -c steps -n "__fish_steps_using_subcommand notes" -l format -d 'How it is written [default: by the name of --output; else a table on a terminal, csv in a pipe]' -r -f -a "table\t'Columns to read; of a list the newest 100 unless --limit says otherwise'
markdown\t'The same as Markdown, for summaries of jobs and comments on merge requests'
csv\t'RFC 4180 with a header, and the line ends of the shell\'s tools'
json\t'One document'
jsonl\t'One JSON object a line'
xlsx\t'An Excel workbook'"
complete -c steps -n "__fish_steps_using_subcommand notes" -s o -l output -d 'Write to this file, which appears when it is complete: .csv, .json, .jsonl or .xlsx; .csv.gz is compressed' -r -F
complete -c steps -n "__fish_steps_using_subcommand notes" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand notes" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand notes" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand notes" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand notes" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand notes" -l safe -d 'Of CSV: an apostrophe before each text that a spreadsheet would run as a formula'
complete -c steps -n "__fish_steps_using_subcommand notes" -l count -d 'Print only how many there are'
complete -c steps -n "__fish_steps_using_subcommand notes" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand notes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand open" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand open" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand open" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand open" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand open" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand open" -l print -d 'Print the address, and open nothing'
complete -c steps -n "__fish_steps_using_subcommand open" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand open" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand import" -l format -d 'How the file is written [default: by its name, else by its first line]' -r -f -a "csv\t'A header and rows, separated by commas, semicolons or tabs'
json\t'An array of objects, or {"steps": […]}'
jsonl\t'One JSON object a line'"
complete -c steps -n "__fish_steps_using_subcommand import" -l map -d 'What the file calls columns: status=name takes its column "name" as the status; with ended_at or duration, each row is a span, which succeeded unless there is an outcome' -r
complete -c steps -n "__fish_steps_using_subcommand import" -l tz -d 'The time zone of times that have none, such as Europe/Berlin' -r
complete -c steps -n "__fish_steps_using_subcommand import" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand import" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand import" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand import" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand import" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand import" -l safe -d 'The CSV was made safe for spreadsheets (list --safe, safe=true): take the apostrophes out that were put in'
complete -c steps -n "__fish_steps_using_subcommand import" -l dry-run -d 'Show the first rows as they would be recorded, and what would be refused and why; record nothing'
complete -c steps -n "__fish_steps_using_subcommand import" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand login" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand login" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand login" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand login" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand login" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand login" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand login" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand logout" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand logout" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand logout" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand logout" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand logout" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand logout" -l all -d 'Forget the tokens of all servers'
complete -c steps -n "__fish_steps_using_subcommand logout" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand logout" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -f -a "create" -d 'Make a token; its text is printed on the standard output, this once'
complete -c steps -n "__fish_steps_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -f -a "list" -d 'List tokens: what each may do, and when it was used'
complete -c steps -n "__fish_steps_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -f -a "revoke" -d 'End a token, by its name or its id'
complete -c steps -n "__fish_steps_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from create" -l scope -d 'What it may do: record, read, admin; several with commas' -r
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from create" -l component -d 'Only of these components: a name, or a pattern with * for any text; may be repeated' -r
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from create" -l environment -d 'Only in these environments; may be repeated' -r
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from create" -l owner -d 'Who it records as; other owners are refused' -r
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from create" -l expires -d 'How long it is valid, such as 90d [default: for ever]' -r
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from create" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from create" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from create" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from create" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from create" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from create" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from list" -l format -d 'How it is printed [default: a table on a terminal, else csv]' -r -f -a "table\t'Columns to read'
csv\t'With a header'
json\t'One document'"
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from list" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from list" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from list" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from list" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from list" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from list" -l safe -d 'Of CSV: an apostrophe before each text that a spreadsheet would run as a formula'
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from list" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from revoke" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from revoke" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from revoke" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from revoke" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from revoke" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from revoke" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "create" -d 'Make a token; its text is printed on the standard output, this once'
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "list" -d 'List tokens: what each may do, and when it was used'
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'End a token, by its name or its id'
complete -c steps -n "__fish_steps_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c steps -n "__fish_steps_using_subcommand config" -l format -d 'How it is printed [default: a table on a terminal, else csv]' -r -f -a "table\t'Columns to read'
csv\t'With a header'
json\t'One document'"
complete -c steps -n "__fish_steps_using_subcommand config" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand config" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand config" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand config" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand config" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand config" -l safe -d 'Of CSV: an apostrophe before each text that a spreadsheet would run as a formula'
complete -c steps -n "__fish_steps_using_subcommand config" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand completions" -l server -d 'Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]' -r
complete -c steps -n "__fish_steps_using_subcommand completions" -l timeout -d 'How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]' -r
complete -c steps -n "__fish_steps_using_subcommand completions" -l ca-file -d 'The certificates (PEM) of a private authority that signs the server\'s, beside those of the system [env: STEPS_CA_FILE]' -r -F
complete -c steps -n "__fish_steps_using_subcommand completions" -l token-file -d 'A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of \'steps login\']' -r -F
complete -c steps -n "__fish_steps_using_subcommand completions" -l color -d 'Whether what people read has colours: auto, on a terminal that shows them [default: auto]' -r -f -a "auto\t'On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1'
always\t'Everywhere'
never\t'Nowhere'"
complete -c steps -n "__fish_steps_using_subcommand completions" -l no-wait -d 'Do not wait for a server that is busy. On a terminal a question waits, and says what for'
complete -c steps -n "__fish_steps_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "record" -d 'Record a step'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "run" -d 'Run a command and record how long it took'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "flush" -d 'Deliver the steps that were kept while the server was away'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "status" -d 'Show whether the server answers, and how many steps wait for it'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "doctor" -d 'Look at everything that recording and asking need, and say what to do'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "list" -d 'List recorded steps'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "deployments" -d 'List deployments: how each ended and how long it took'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "show" -d 'Show a deployment as a timeline of its steps'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "compare" -d 'Compare two deployments step by step'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "watch" -d 'Watch deployments as they happen, or wait for the end of one'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "stats" -d 'Show counts, failures and durations of deployments, by component, week, owner and more'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "trend" -d 'Show how durations grow, which step makes them grow, and since which version'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "check" -d 'Check whether the newest deployment is within its budget; for pipelines'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "exclude" -d 'Leave a deployment out of every figure: it was a test, or was recorded wrongly'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "include" -d 'Take an exclusion back'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "note" -d 'Note what is known of a component: a mark on its charts'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "notes" -d 'List notes'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "open" -d 'Open a page of the server in a browser, or print its address'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "import" -d 'Import steps from a CSV or JSONL file'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "login" -d 'Store a token for a server, after asking that whether it is right'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "logout" -d 'Forget the stored token of a server'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "token" -d 'Make, list and revoke tokens'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "config" -d 'Show each setting, its value and where it came from'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "completions" -d 'Print the completions of a shell'
complete -c steps -n "__fish_steps_using_subcommand help; and not __fish_seen_subcommand_from record run flush status doctor list deployments show compare watch stats trend check exclude include note notes open import login logout token config completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c steps -n "__fish_steps_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "create" -d 'Make a token; its text is printed on the standard output, this once'
complete -c steps -n "__fish_steps_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "list" -d 'List tokens: what each may do, and when it was used'
complete -c steps -n "__fish_steps_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "revoke" -d 'End a token, by its name or its id'
