// Soak sends many TaskRuns, a few at a time, through one controller and holds each result against what it has to be, byte
// for byte. Sizes, types and contents are drawn by chance from a seed. It ends with status 0 only if every result of every
// run came back equal, and the controller was not started anew meanwhile.
//
// usage: soak -image IMAGE [-count N] [-seed SEED] [-first N] [-parallel N] [-minutes N]
//
// The image is that of test/load/soak/produce; hack/soak.sh makes it. The soak uses the current kubeconfig, sets the ConfigMap
// feature-flags while it runs and sets it back at the end. TaskRuns are deleted as they are verified; one that is not
// equal stays, and the line that tells of it says how to repeat it alone.
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

// restoreTime is what setting the flags back may take, after an interruption too.
const restoreTime = 30 * time.Second

// limit is max-result-size during a soak: one result may be as large as all of them.
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
	flag.IntVar(&o.first, "first", 0, "number of the first one, to repeat a part of an earlier soak")
	flag.IntVar(&o.parallel, "parallel", 3, "TaskRuns that are under way at once")
	flag.Float64Var(&o.minutes, "minutes", 60, "time after which no more are started, and the soak has failed")
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

// run prepares the cluster, soaks, and sets back what it set.
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

// soak sends the runs and tells of them.
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
		err = fmt.Errorf("the controller was started anew during the soak: it was %s, and is %s", before, after)
	}
	return errors.Join(t.verdict(), err)
}
