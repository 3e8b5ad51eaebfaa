# For Capistrano 3. Copy it to lib/capistrano/tasks/steps.rake, and in config/deploy.rb: set :steps_server, 'https://steps.example.com'
#
# The component is :application, the environment the stage, the version :steps_version, else the commit of :branch here. It runs the
# command `steps` where cap runs; a token comes from STEPS_TOKEN or STEPS_TOKEN_FILE. Nothing here fails or holds up a deploy.
namespace :steps do
  record = lambda do |status|
    begin
      set :steps_run, ENV['STEPS_RUN'] || "cap-#{Process.pid}-#{Time.now.to_i}" unless fetch(:steps_run)
      unless fetch(:steps_version)
        commit = IO.popen(['git', 'rev-parse', '--verify', '--quiet', "#{fetch(:branch, 'HEAD')}^{commit}"], err: File::NULL, &:read)
        set :steps_version, commit.to_s.strip.empty? ? fetch(:branch, 'unknown').to_s : commit.strip
      end
      names = {
        'STEPS_SERVER' => fetch(:steps_server), 'STEPS_COMPONENT' => fetch(:application), 'STEPS_ENVIRONMENT' => fetch(:stage),
        'STEPS_VERSION' => fetch(:steps_version), 'STEPS_RUN' => fetch(:steps_run)
      }
      system(names.compact.transform_values(&:to_s), 'steps', 'record', '--best-effort', '--status', status)
    rescue StandardError => e
      warn "steps: #{status} is not recorded: #{e.message}"
    end
  end

  { started: 'started', updating: 'updating', publishing: 'publishing', succeeded: 'succeeded', failed: 'failed' }.each do |name, status|
    task(name) { record.call(status) }
  end
end

before 'deploy:starting', 'steps:started'
before 'deploy:updating', 'steps:updating'
before 'deploy:publishing', 'steps:publishing'
after 'deploy:finished', 'steps:succeeded'
after 'deploy:failed', 'steps:failed'
