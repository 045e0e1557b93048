// Retention sends a stream of TaskRuns with large results to an API server whose etcd is small, and watches how full etcd is. With
// retention it fails if etcd raises its alarm NOSPACE, if a run fails, or if a result is not whole. With -off there is no
// retention, and it fails if the alarm does not come.
//
// The API server has no node. This program plays the node: it ends each pod with a result that compresses well. The controller
// writes it into the status whole. No component collects garbage, so this program deletes the pods of ended runs.
//
// usage: retention -controller BINARY -localkube DIR [-minutes N] [-every D] [-bytes N] [-limit Q] [-off]
//
// It needs the CRDs and the namespace of the installation, which hack/retention.sh creates.
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
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/test/load/retention/etcd"
	"github.com/sluice-ci/sluice/test/load/scale/meter"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const (
	// port is that of the controller's metrics.
	port = 18081
	// namespace is where the runs are.
	namespace = "retention"
	// largest is the largest list of results that fits into one termination message, compressed.
	largest = 1_040_000
)

// options are the flags of the command.
type options struct {
	controller, localkube string
	minutes               float64
	every                 time.Duration
	bytes                 int
	limit                 string
	off                   bool
}

func main() {
	log.SetLogger(logr.Discard())
	var o options
	flag.StringVar(&o.controller, "controller", "", "the controller's binary (required)")
	flag.StringVar(&o.localkube, "localkube", "", "the folder of the localkube cluster (required)")
	flag.Float64Var(&o.minutes, "minutes", 60, "minutes for which runs are created")
	flag.DurationVar(&o.every, "every", 12*time.Second, "time from one run to the next")
	flag.IntVar(&o.bytes, "bytes", 1_000_000, "bytes of the result of a run")
	flag.StringVar(&o.limit, "limit", "64Mi", "storedBytesLimit of the retention")
	flag.BoolVar(&o.off, "off", false, "no retention: wait for the alarm")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func (o options) validate() error {
	switch {
	case o.controller == "" || o.localkube == "":
		return errors.New("cannot start without -controller and -localkube: use hack/retention.sh")
	case o.minutes <= 0 || o.every <= 0:
		return errors.New("cannot use -minutes or -every of 0 or less")
	case o.bytes < 1 || o.bytes > largest:
		return fmt.Errorf("cannot use -bytes %d: a result has from 1 to %d bytes here", o.bytes, largest)
	}
	return nil
}

func run(o options) error {
	if err := o.validate(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cluster, err := kube.Connect()
	if err != nil {
		return err
	}
	store, err := etcd.Connect(o.localkube)
	if err != nil {
		return err
	}
	if err := prepare(ctx, cluster, o); err != nil {
		return err
	}
	controllerLog, err := os.CreateTemp("", "sluice-retention-*.log")
	if err != nil {
		return err
	}
	defer controllerLog.Close()
	fmt.Println("the controller's log is", controllerLog.Name())
	controller, err := meter.Start(ctx, o.controller, port, controllerLog, nil, "--namespace="+kube.Installation,
		"--inpod-image=example.invalid/inpod:1", "--webhook-port=0", "--leader-elect=false", "--log-level=info")
	if err != nil {
		return err
	}
	s := &stream{cluster: cluster, etcd: store, options: o, out: os.Stdout}
	return errors.Join(s.run(ctx), controller.Stop())
}

// prepare creates the namespace and the settings.
func prepare(ctx context.Context, cluster *kube.Cluster, o options) error {
	defaults := map[string]string{}
	if !o.off {
		defaults[config.KeyRetention] = "storedBytesLimit: " + o.limit
	}
	settings := func(name string, data map[string]string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: kube.Installation, Name: name}, Data: data}
	}
	for _, cm := range []*corev1.ConfigMap{
		settings(config.FlagsName, map[string]string{kube.FlagFrom: kube.TerminationMessage, kube.FlagMax: "1500000"}),
		settings(config.DefaultsName, defaults),
	} {
		if err := cluster.Client.Create(ctx, cm); err != nil {
			return fmt.Errorf("cannot create ConfigMap %q: %w", cm.Name, err)
		}
	}
	if err := cluster.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return fmt.Errorf("cannot create namespace: %w", err)
	}
	// There is no controller manager that creates it.
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "default"}}
	if err := cluster.Client.Create(ctx, account); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("cannot create service account: %w", err)
	}
	return nil
}
