// Served measures what it costs to serve tekton.dev/v1beta1 of TaskRuns: the processor time of the API server and of the controller for
// one write of a status, while both versions are served, and while only v1 is.
//
// usage: served [-rounds N] [-writes N]
//
// It uses the current kubeconfig, whose processes must run on this machine, as with localkube. Both kinds of round alternate on the same
// cluster, because two clusters differ more than the two kinds do. The CRD is as before at the end.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/load/bench/metrics"
	"github.com/sluice-ci/sluice/test/load/bench/stats"
	"github.com/sluice-ci/sluice/test/load/bench/usage"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const (
	crd = "taskruns.tekton.dev"
	// settling is how long the API server has to begin and to end serving a version.
	settling = 12 * time.Second
	// warming is how many writes are not measured after that.
	warming = 100
)

func main() {
	rounds := flag.Int("rounds", 3, "number of rounds of each kind")
	writes := flag.Int("writes", 1000, "number of writes in a round")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *rounds, *writes)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// cost is the processor time of one write, in milliseconds.
type cost struct{ server, controller float64 }

func run(ctx context.Context, rounds, writes int) (err error) {
	cluster, err := kube.Connect()
	if err != nil {
		return err
	}
	controller, err := usage.Open(ctx, cluster.Kube, usage.Place{Namespace: cluster.Controller, Deployment: "sluice-controller"})
	if err != nil {
		return err
	}
	namespace, err := cluster.MakeNamespace(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		last := context.WithoutCancel(ctx)
		err = errors.Join(err, serve(last, cluster.Client, true), cluster.DeleteNamespaces(last))
	}()
	var costs [2][]cost // of v1 only, and of both versions
	for i := range 2 * rounds {
		both := i%4 == 0 || i%4 == 3 // in the order of a mirror
		if err := serve(ctx, cluster.Client, both); err != nil {
			return err
		}
		c, err := measure(ctx, cluster, controller, namespace, writes)
		if err != nil {
			return err
		}
		kind := 0
		if both {
			kind = 1
		}
		costs[kind] = append(costs[kind], c)
	}
	return report(costs)
}

// serve makes the API server serve v1beta1, or not, and waits until it does.
func serve(ctx context.Context, c client.Client, served bool) error {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion("apiextensions.k8s.io/v1")
	o.SetKind("CustomResourceDefinition")
	o.SetName(crd)
	change := fmt.Appendf(nil, `[{"op":"test","path":"/spec/versions/0/name","value":"v1beta1"},
		{"op":"replace","path":"/spec/versions/0/served","value":%t}]`, served)
	if err := c.Patch(ctx, o, client.RawPatch(types.JSONPatchType, change)); err != nil {
		return fmt.Errorf("cannot change CRD %q: %w", crd, err)
	}
	select {
	case <-time.After(settling):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// measure writes the status of one TaskRun again and again. The run belongs to another controller, so nothing else writes it.
func measure(ctx context.Context, cluster *kube.Cluster, controller *usage.Controller, namespace string, writes int) (cost, error) {
	manager := "example.com/bench"
	run := &v1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "written"},
		Spec: v1.TaskRunSpec{ManagedBy: &manager, TaskSpec: &v1.TaskSpec{
			Results: []v1.TaskResult{{Name: "digest"}},
			Steps:   []v1.Step{kube.Script("make", "printf x > $(results.digest.path)"), kube.Script("use", "true")},
		}},
	}
	if err := cluster.Client.Create(ctx, run); err != nil && !apierrors.IsAlreadyExists(err) {
		return cost{}, fmt.Errorf("cannot create a TaskRun: %w", err)
	}
	var before, after cost
	for i := range warming + writes {
		if i == warming {
			var err error
			if before, err = read(ctx, cluster, controller); err != nil {
				return cost{}, err
			}
		}
		change := fmt.Appendf(nil, `{"status":{"podName":"pod-%d-%d"}}`, time.Now().UnixNano(), i)
		if err := cluster.Client.Status().Patch(ctx, run, client.RawPatch(types.MergePatchType, change)); err != nil {
			return cost{}, fmt.Errorf("cannot write a status: %w", err)
		}
	}
	after, err := read(ctx, cluster, controller)
	each := float64(writes) / 1000
	return cost{(after.server - before.server) / each, (after.controller - before.controller) / each}, err
}

// read returns the processor time of both since they started, in seconds.
func read(ctx context.Context, cluster *kube.Cluster, controller *usage.Controller) (cost, error) {
	const processor = "process_cpu_seconds_total"
	page, err := cluster.Kube.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return cost{}, fmt.Errorf("cannot read metrics of the API server: %w", err)
	}
	samples, err := metrics.Parse(bytes.NewReader(page), processor)
	if err != nil {
		return cost{}, err
	}
	reading, err := controller.Read(ctx)
	if err != nil {
		return cost{}, err
	}
	total := cost{controller: reading.Processor}
	for _, s := range samples {
		total.server += s.Value
	}
	return total, nil
}

func report(costs [2][]cost) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "served\tAPI server, ms\tcontroller, ms\tfor one write of a status, each round")
	for kind, name := range []string{"v1", "v1 and v1beta1"} {
		var server, controller []float64
		for _, c := range costs[kind] {
			server, controller = append(server, c.server), append(controller, c.controller)
		}
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\n", name, stats.Median(server), stats.Median(controller), costs[kind])
	}
	return w.Flush()
}
