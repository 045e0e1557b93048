// Bench measures on the current cluster what a tekton.dev/v1 controller takes for its work, in both ways of results, beside
// bare pods on the same cluster, which are the limit for anything that runs in pods. It prints tables, and keeps every
// single time in a file, from which tables and plots can be made again.
//
// usage: bench [-only ROW,…] [-modes MODE,…] [-n N] [-rounds N] [-out DIR]
//
//	bench -render [-docs FILE] FILE…    makes tables and pictures of files that were measured before, all as one
//
// It works in a namespace of its own, and changes the ConfigMap feature-flags while it runs. It measures Sluice unless
// -controller, -controller-namespace and -metrics-port say what else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sluice-ci/sluice/test/load/bench/load"
	"github.com/sluice-ci/sluice/test/load/bench/record"
	"github.com/sluice-ci/sluice/test/load/bench/report"
	"github.com/sluice-ci/sluice/test/load/bench/usage"
)

// options are what the command line says.
type options struct {
	only, modes     string
	n, rounds, held int
	image, out      string
	docs            string
	render          bool
	place           usage.Place
}

func main() {
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func bind(flags *flag.FlagSet) *options {
	o := &options{}
	var names []string
	for _, row := range load.Rows() {
		names = append(names, row.Name)
	}
	flags.StringVar(&o.only, "only", "", "rows to measure, separated by commas: "+strings.Join(names, ", "))
	flags.StringVar(&o.modes, "modes", "", "ways of results to measure, separated by commas (default both)")
	flags.IntVar(&o.n, "n", 20, "how often each thing is measured of which one is run after another")
	flags.IntVar(&o.rounds, "rounds", 4, "in how many rounds these are taken, each in the other direction")
	flags.IntVar(&o.held, "held", 200, "how many finished TaskRuns the row held has")
	flags.StringVar(&o.image, "image", "docker.io/library/busybox:1", "image of steps and containers; needs sh, head and tr")
	flags.StringVar(&o.out, "out", "bin/bench-results", "folder that the file of measurements goes to")
	flags.StringVar(&o.docs, "docs", "",
		"document that the tables are written into, between the marks in it; pictures go into the folder of its name")
	flags.BoolVar(&o.render, "render", false, "measure nothing, but make tables of the files that are given")
	flags.StringVar(&o.place.Namespace, "controller-namespace", "tekton-pipelines", "namespace of the controller and of its ConfigMaps")
	flags.StringVar(&o.place.Deployment, "controller", "sluice-controller", "the controller's Deployment; none if empty")
	flags.IntVar(&o.place.Port, "metrics-port", 8080, "port of the controller's metrics in its pod; 0 for none")
	kubectl := os.Getenv("KUBECTL")
	if kubectl == "" {
		kubectl = "kubectl"
	}
	flags.StringVar(&o.place.Kubectl, "kubectl", kubectl, "kubectl, which forwards the port of the metrics")
	return o
}

func bench() error {
	o := bind(flag.CommandLine)
	flag.Parse()
	if o.render {
		file, err := record.Read(flag.Args()...)
		if err != nil {
			return err
		}
		return tell(o, file)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	file, err := run(ctx, o)
	if file == nil || len(file.Batches) == 0 {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	path := filepath.Join(o.out, "bench.json")
	err = errors.Join(err, file.Write(path), tell(o, file))
	fmt.Fprintf(os.Stderr, "==> every time is in %s, and pictures beside it\n", path)
	return err
}

// tell prints what was measured, and draws it.
func tell(o *options, file *record.File) error {
	lines := report.Lines(file)
	if o.docs != "" {
		if err := report.Docs(o.docs, file); err != nil {
			return err
		}
	}
	return errors.Join(report.Text(os.Stdout, lines), report.WritePictures(o.out, lines))
}
