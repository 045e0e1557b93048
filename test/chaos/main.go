// Chaos sends random Tasks and Pipelines through the controller of a localkube cluster while it breaks and repairs parts of
// that cluster. It compares each run with the records that its steps wrote outside of the API. It exits with status 0 only if
// each run had the required outcome, and nothing was left behind.
//
// usage: chaos -image IMAGE -localkube DIRECTORY [-seed SEED] [-minutes N] [-parallel N] [-first N] [-count N] [-calm] [-alone]
//
// A hostile tenant attacks at the same time, from a separate namespace (package attack). Its runs must end, too, and the runs
// of all others must be correct and in time.
//
// The image is that of test/chaos/step; hack/chaos.sh builds it. The runs and the disturbances follow from the seed. Their
// relative timing depends on the machine and differs each time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-ci/sluice/test/chaos/disturb"
	"github.com/sluice-ci/sluice/test/chaos/plan"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const (
	// limit is max-result-size during the test: one result may be as large as all of them together.
	limit = 1572863
	// restoreTime bounds the time for restoring the cluster, also after an interruption.
	restoreTime = 3 * time.Minute
	// endTime bounds the time for the runs in progress at the end, and for the search for leaks.
	endTime = 20 * time.Minute
)

// errFound is the error if there are findings.
var errFound = errors.New("there are findings")

// errGivenUp is the error if the test was interrupted, so that the outcome of the other runs is unknown.
var errGivenUp = errors.New("cannot complete the test: the findings so far are in the folder for findings")

// options are the flags of the command.
type options struct {
	image     string
	localkube string
	findings  string
	seed      uint64
	minutes   float64
	parallel  int
	first     int
	count     int
	calm      bool
	alone     bool
}

func main() {
	log.SetLogger(logr.Discard())
	var o options
	flag.StringVar(&o.image, "image", "", "image of test/chaos/step (required)")
	flag.StringVar(&o.localkube, "localkube", os.Getenv("LOCALKUBE_DIR"), "directory of the localkube cluster")
	flag.StringVar(&o.findings, "findings", "bin/chaos-findings", "folder for findings")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "seed of runs and disturbances")
	flag.Float64Var(&o.minutes, "minutes", 10, "minutes for which runs are started")
	flag.IntVar(&o.parallel, "parallel", 4, "number of runs at the same time")
	flag.IntVar(&o.first, "first", 0, "number of the first run, to repeat a part of an earlier stream")
	flag.IntVar(&o.count, "count", math.MaxInt32, "maximum number of runs")
	flag.BoolVar(&o.calm, "calm", false, "break nothing")
	flag.BoolVar(&o.alone, "alone", false, "do not run the hostile tenant")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func (o options) validate() error {
	switch {
	case o.image == "" || o.localkube == "":
		return errors.New("cannot start without -image and -localkube: use make chaos, or hack/chaos.sh")
	case o.parallel < 1, o.first < 0, o.count < 1, o.minutes <= 0:
		return errors.New("cannot use -parallel or -count below 1, -first below 0, or -minutes of 0 or less")
	}
	return nil
}

func (o options) length() time.Duration { return time.Duration(o.minutes * float64(time.Minute)) }

// run prepares the cluster, runs the test, and restores the cluster.
func run(o options) (err error) {
	if err := o.validate(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.length()+endTime)
	defer cancel()
	c, err := kube.Connect()
	if err != nil {
		return err
	}
	if err := c.Ready(ctx); err != nil {
		return err
	}
	flags, err := c.ReadFlags(ctx)
	if err != nil {
		return err
	}
	restore := []func(context.Context) error{func(ctx context.Context) error { return c.RestoreFlags(ctx, flags.Data) }}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTime)
		defer cancel()
		for _, undo := range restore {
			err = errors.Join(err, undo(ctx))
		}
	}()
	setting, err := settle(ctx, c, o)
	if err != nil {
		return err
	}
	restore = append(restore, func(ctx context.Context) error {
		return c.Kube.CoreV1().Namespaces().Delete(ctx, setting.Namespace, metav1.DeleteOptions{})
	})
	d := newDriver(c, o, setting)
	if !o.alone {
		if d.attacker, err = newAttacker(ctx, d); err != nil {
			return err
		}
		restore = append(restore, d.attacker.close)
	}
	breaks := disturb.New(c, disturb.Options{Directory: o.localkube, Namespace: setting.Namespace, Registries: d.attacker.addresses()})
	if !o.calm {
		undo, err := breaks.Prepare(ctx)
		if undo != nil {
			restore = append(restore, undo)
		}
		if err != nil {
			return err
		}
	}
	return reign(ctx, d, breaks)
}

// settle creates the namespace and the folder of the ledgers.
func settle(ctx context.Context, c *kube.Cluster, o options) (plan.Setting, error) {
	namespace, err := c.MakeNamespace(ctx, nil)
	if err != nil {
		return plan.Setting{}, err
	}
	directory, err := filepath.Abs(o.localkube)
	if err != nil {
		return plan.Setting{}, fmt.Errorf("cannot find the cluster: %w", err)
	}
	s := plan.Setting{Namespace: namespace, Image: o.image, Folder: filepath.Join(directory, "ledgers-"+namespace)}
	if err := os.MkdirAll(s.Folder, 0o777); err != nil {
		return plan.Setting{}, fmt.Errorf("cannot create the folder of the ledgers: %w", err)
	}
	// Steps do not run as a user of this machine, and must be able to write there with any umask.
	if err := os.Chmod(s.Folder, 0o777); err != nil {
		return plan.Setting{}, fmt.Errorf("cannot make the folder of the ledgers writable: %w", err)
	}
	return s, c.UseFlags(ctx, namespace, kube.SidecarLogs, limit)
}

// reign sends runs while the cluster is broken and repaired, and reports the outcome.
func reign(ctx context.Context, d *driver, breaks *disturb.Disturber) error {
	fmt.Printf("chaos: seed %d, %.1f minutes, %d runs at once, namespace %s\n",
		d.options.seed, d.options.minutes, d.options.parallel, d.setting.Namespace)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	d.watch(watching)
	sending, giveUp := context.WithCancel(ctx)
	defer giveUp()
	broken := make(chan error, 1)
	go func() {
		defer close(broken)
		if d.options.calm {
			return
		}
		limited, cancel := context.WithTimeout(ctx, d.options.length())
		defer cancel()
		if err := breaks.Run(limited, disturb.Plan(d.options.seed, d.options.length(), breaks.Nodes()), d.recordEvent); err != nil {
			giveUp() // no run can pass on a cluster that stays broken
			broken <- err
		}
	}()
	var attacking sync.WaitGroup
	if d.attacker != nil {
		attacking.Go(func() { d.attacker.send(sending) })
	}
	d.send(sending)
	attacking.Wait()
	err := <-broken
	if err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err(), errGivenUp)
	}
	leaks := d.finish(ctx)
	fmt.Println(d.tally.report(d.disturbances(), disturb.Kinds(breaks.Nodes())))
	n := d.verdict(leaks)
	if d.attacker != nil {
		n += d.attacker.report()
	}
	if n > 0 {
		err = fmt.Errorf("%w: %d findings, in %s; seed %d", errFound, n, d.options.findings, d.options.seed)
	}
	return errors.Join(err, ctx.Err(), os.RemoveAll(d.setting.Folder))
}
