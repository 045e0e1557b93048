package role

// Command is the command of a role, for tests.
var Command = command
