// Soak sends many TaskRuns, several at the same time, through one controller, and compares each result with its plan, byte
// for byte. Sizes, types and contents are random and follow from a seed. It exits with status 0 only if every result of every
// run was equal, and the controller was not restarted.
//
// usage: soak -image IMAGE [-count N] [-seed SEED] [-first N] [-parallel N] [-minutes N]
//
// The image is that of test/load/soak/produce; hack/soak.sh builds it. The soak uses the current kubeconfig. It sets the
// ConfigMap feature-flags while it runs, and restores it at the end. It deletes each TaskRun after its verification. It keeps
// a TaskRun that is not equal, and prints how to repeat that run alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// restoreTime bounds the time for restoring the flags, also after an interruption.
const restoreTime = 30 * time.Second

// limit is max-result-size during a soak: one result may be as large as all of them together.
const limit = 1572863

// options are the flags of the command.
type options struct {
	image    string
	count    int
	first    int
	parallel int
	minutes  float64
	seed     uint64
}

func main() {
	log.SetLogger(logr.Discard())
	var o options
	flag.StringVar(&o.image, "image", "", "image of test/load/soak/produce (required)")
	flag.IntVar(&o.count, "count", 1000, "number of TaskRuns")
	flag.IntVar(&o.first, "first", 0, "number of the first TaskRun, to repeat a part of an earlier soak")
	flag.IntVar(&o.parallel, "parallel", 3, "number of TaskRuns at the same time")
	flag.Float64Var(&o.minutes, "minutes", 60, "minutes after which the soak stops and fails")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "seed of sizes, types and contents")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func (o options) validate() error {
	switch {
	case o.image == "":
		return errors.New("cannot start without -image: give the image of test/load/soak/produce, or use hack/soak.sh")
	case o.count < 1, o.parallel < 1, o.first < 0, o.minutes <= 0:
		return errors.New("cannot use -count or -parallel below 1, -first below 0, or -minutes of 0 or less")
	}
	return nil
}

// run prepares the cluster, runs the soak, and restores the flags.
func run(o options) (err error) {
	if err := o.validate(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(o.minutes*float64(time.Minute)))
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
	namespace, err := c.MakeNamespace(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), restoreTime)
		defer cancel()
		err = errors.Join(err, c.RestoreFlags(ctx, flags.Data))
		if err == nil {
			err = c.DeleteNamespaces(ctx)
		}
	}()
	if err := c.UseFlags(ctx, namespace, kube.SidecarLogs, limit); err != nil {
		return err
	}
	return soak(ctx, c, namespace, o)
}

// soak sends the runs and reports the outcome.
func soak(ctx context.Context, c *kube.Cluster, namespace string, o options) error {
	before, err := controllers(ctx, c)
	if err != nil {
		return err
	}
	fmt.Printf("soak: %d TaskRuns, %d at once, seed %d, at most %.0f minutes\n", o.count, o.parallel, o.seed, o.minutes)
	t := newTally(o.count)
	send(ctx, &courier{cluster: c, namespace: namespace, options: o}, o, t)
	fmt.Println(t.summary())

	look, cancel := context.WithTimeout(context.Background(), restoreTime)
	defer cancel()
	after, err := controllers(look, c)
	if err == nil && before != after {
		err = fmt.Errorf("the controller was restarted during the soak: it was %s, and is %s", before, after)
	}
	return errors.Join(t.verdict(), err)
}
