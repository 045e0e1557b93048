// Bench measures the performance of a tekton.dev/v1 controller on the current cluster, with both transports of results. It
// also measures bare pods on the same cluster, which are the limit for everything that runs in pods. It prints tables, and
// writes every measured time to a file, from which tables and plots can be created later.
//
// usage: bench [-only ROW,…] [-modes MODE,…] [-n N] [-rounds N] [-out DIR]
//
//	bench -render [-docs FILE] FILE…    creates tables and pictures from earlier files, merged into one
//
// It works in a new namespace, and changes the ConfigMap feature-flags while it runs. It measures Sluice, unless -controller,
// -controller-namespace and -metrics-port select another controller.
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

// options are the options of the command line.
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
	flags.StringVar(&o.modes, "modes", "", "transports of results to measure, separated by commas (default both)")
	flags.IntVar(&o.n, "n", 20, "number of runs in rows that run one after another")
	flags.IntVar(&o.rounds, "rounds", 4, "number of rounds for these runs, each in the opposite order")
	flags.IntVar(&o.held, "held", 200, "number of finished TaskRuns in the row held")
	flags.StringVar(&o.image, "image", "docker.io/library/busybox:1", "image of steps and containers; needs sh, head and tr")
	flags.StringVar(&o.out, "out", "bin/bench-results", "folder for the file of measurements")
	flags.StringVar(&o.docs, "docs", "",
		"document for the tables, between its marks; pictures are written to the folder of the same name")
	flags.BoolVar(&o.render, "render", false, "do not measure; create tables from the given files")
	flags.StringVar(&o.place.Namespace, "controller-namespace", "tekton-pipelines", "namespace of the controller and of its ConfigMaps")
	flags.StringVar(&o.place.Deployment, "controller", "sluice-controller", "the controller's Deployment; empty if it cannot be measured")
	flags.IntVar(&o.place.Port, "metrics-port", 9090, "port of the controller's metrics in its pod; 0 for none")
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
		return show(o, file)
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
	err = errors.Join(err, file.Write(path), show(o, file))
	fmt.Fprintf(os.Stderr, "==> all times are in %s, with the pictures beside it\n", path)
	return err
}

// show prints the measurements, and draws the pictures.
func show(o *options, file *record.File) error {
	lines := report.Lines(file)
	if o.docs != "" {
		if err := report.Docs(o.docs, file); err != nil {
			return err
		}
	}
	return errors.Join(report.Text(os.Stdout, lines), report.WritePictures(o.out, lines))
}
