complete --keep-order --exclusive --command steps --arguments "(STEPS_COMPLETE=fish steps -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
