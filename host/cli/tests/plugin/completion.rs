use std::process::Command;

use crate::room::Room;

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    let room = Room::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-arcane"));
        command.args(["completion", shell]);
        room.finish(command)
            .ends_with(0)
            .says("kubectl-arcane")
            .says("pack");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-arcane"));
    command.args(["completion", "cmd"]);
    room.finish(command).ends_with(2);
}
