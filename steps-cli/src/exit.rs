//! The exit codes; `steps --help` and the README document them.

/// Success. A reader that closes the pipe early (`steps list | head`) counts as success too.
pub const DONE: u8 = 0;

/// The server could not be reached, failed, or stopped in the middle; or the output could not be written.
pub const FAILED: u8 = 1;

/// The command line, a variable, a settings file or an input file was wrong; nothing was sent.
pub const USAGE: u8 = 2;

/// The server refused, or found nothing; of `steps import`: some lines were refused.
pub const REFUSED: u8 = 3;

/// Of `steps check`: a deployment is over its budget.
pub const OVER_BUDGET: u8 = 4;

/// Of `steps check`: it is not known. None is over its budget, but at least one has too little data; or steps wait here.
pub const NOT_ENOUGH_DATA: u8 = 5;

/// Of `steps run`: there is no such command. The shells use the same code.
pub const NOT_FOUND: u8 = 127;

/// Of `steps run`: the command is there and cannot be run. The shells use the same code.
pub const NOT_EXECUTABLE: u8 = 126;

/// Of `steps run`: the command was killed by a signal, whose number is added. The shells use the same code.
pub const SIGNAL: u8 = 128;
