// Command sluice is the command line for users: it runs Tasks and Pipelines, shows their progress, and fetches their
// results.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/sluice-ci/sluice/internal/cli"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, terminal.System(os.Stdin, os.Stdout, os.Stderr, os.Getenv), os.Args[1:])
	stop()
	os.Exit(int(code))
}
