// Scale measures what the controller needs for many tasks: one PipelineRun of a thousand tasks, two hundred PipelineRuns of
// ten tasks each at once, a chain, custom tasks and nested pipelines in one PipelineRun, and twice as many of both. Five thousand
// TaskRuns wait for the controller when it starts. A thousand TaskRuns run with and without observers, three times each. At the end a
// controller starts beside a hundred thousand finished TaskRuns. The API server has no node. This program plays the node: it starts
// each pod and ends it immediately, so that it measures only the controller and the API server. It prints a table and one line of JSON.
//
// usage: scale -controller BINARY [-only NAMES] [-finished NUMBER]
//
// It needs the CRDs and the namespace of the installation, which hack/bench-scale.sh creates. The scenario "finished" also needs
// the etcd of a localkube cluster without a node.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-ci/sluice/test/load/bench/stats"
	"github.com/sluice-ci/sluice/test/load/scale/load"
	"github.com/sluice-ci/sluice/test/load/scale/meter"
	"github.com/sluice-ci/sluice/test/load/scale/node"
	"github.com/sluice-ci/sluice/test/testutil/customtask"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const (
	// pods is the number of pods that the player handles at the same time. port is that of the controller's metrics.
	pods = 16
	port = 18080
	// patience bounds the time of one scenario.
	patience = 20 * time.Minute
)

// scenario is one row of the table.
type scenario struct {
	name        string
	runs, tasks int
	shape       load.Shape
	// guests are TaskRuns that are created in another namespace while those of this one wait for the starting controller; 0
	// for scenarios with PipelineRuns.
	guests int
}

func scenarios() []scenario {
	return []scenario{
		{name: "wide", runs: 1, tasks: 1000, shape: load.Wide},
		{name: "many", runs: 200, tasks: 10, shape: load.Wide},
		{name: "chain", runs: 1, tasks: 200, shape: load.Chain},
		{name: "custom", runs: 1, tasks: 200, shape: load.Custom},
		{name: "custom2", runs: 1, tasks: 400, shape: load.Custom}, // twice as many, to show that the work is linear
		{name: "nested", runs: 1, tasks: 50, shape: load.Nested},
		{name: "nested2", runs: 1, tasks: 100, shape: load.Nested},
		{name: "queue", runs: 4950, tasks: 1, guests: 50},
	}
}

// names returns the names of all scenarios.
func names() []string {
	all := make([]string, 0, len(scenarios())+2)
	for _, s := range scenarios() {
		all = append(all, s.name)
	}
	return append(all, nameObserved, nameFinished)
}

// choose returns the scenarios in a list of names that are separated by commas; all for an empty list.
func choose(only string) ([]string, error) {
	if only == "" {
		return names(), nil
	}
	chosen := strings.Split(only, ",")
	for _, name := range chosen {
		if !slices.Contains(names(), name) {
			return nil, fmt.Errorf("cannot measure scenario %q of -only: it does not exist; the names are %s", name, strings.Join(names(), ", "))
		}
	}
	return chosen, nil
}

// pods returns the number of pods that the scenario needs.
func (s scenario) pods() int64 {
	if s.shape == load.Custom {
		return 0
	}
	return int64(s.runs*s.tasks + s.guests)
}

// row holds the measurements of a scenario.
type row struct {
	Name  string        `json:"name"`
	Runs  int           `json:"runs"`
	Tasks int           `json:"tasks"`
	Wall  time.Duration `json:"wallNanoseconds"`
	// Guests are the times of the guests, which were created in another namespace after the controller had begun with the
	// queue, in seconds.
	Guests        *stats.Summary `json:"guests,omitempty"`
	meter.Reading `json:",inline"`
}

func main() {
	if err := scale(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func scale() error {
	binary := flag.String("controller", "", "the controller's binary (required)")
	only := flag.String("only", "", "the scenarios to run, separated by commas: "+strings.Join(names(), ", ")+" (default: all)")
	runs := flag.Int("finished", 100_000, "the number of finished TaskRuns")
	flag.Parse()
	if *binary == "" {
		return errors.New("cannot measure without -controller: give the controller's binary")
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	cluster, err := kube.Connect()
	if err != nil {
		return err
	}
	wanted := func(name string) bool { return slices.Contains(chosen, name) }
	if err := tasks(ctx, cluster, *binary, wanted); err != nil {
		return err
	}
	others := []struct {
		name    string
		measure func() (reporter, error)
	}{
		{nameObserved, func() (reporter, error) { return measureObserved(ctx, cluster, *binary) }},
		{nameFinished, func() (reporter, error) { return measureFinished(ctx, cluster, *binary, *runs) }}, // the last one: the copies stay
	}
	for _, other := range others {
		if !wanted(other.name) {
			continue
		}
		r, err := other.measure()
		if err != nil {
			return fmt.Errorf("%s: %w", other.name, err)
		}
		r.report(os.Stdout)
		if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// reporter is what was measured. It can be encoded as JSON, too.
type reporter interface{ report(w io.Writer) }

// tasks measures the wanted scenarios with tasks.
func tasks(ctx context.Context, cluster *kube.Cluster, binary string, wanted func(name string) bool) error {
	var rows []row
	for _, s := range scenarios() {
		if !wanted(s.name) {
			continue
		}
		r, err := measure(ctx, cluster, binary, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		rows = append(rows, r)
		if err := table(os.Stdout, rows[len(rows)-1:]); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := table(os.Stdout, rows); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(rows)
}

// measure runs one scenario with its own controller, in a separate namespace.
func measure(ctx context.Context, cluster *kube.Cluster, binary string, s scenario) (row, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	namespace := fmt.Sprintf("scale-%s-%d", s.name, time.Now().Unix())
	if err := prepare(ctx, cluster, namespace, s); err != nil {
		return row{}, err
	}
	log, err := os.CreateTemp("", "sluice-scale-*.log")
	if err != nil {
		return row{}, err
	}
	defer log.Close()
	fmt.Fprintf(os.Stderr, "==> %s: %d runs of %d tasks; the controller's log is %s\n", s.name, s.runs, s.tasks, log.Name())
	return run(ctx, cluster, binary, namespace, s, log)
}

// run starts a controller, and stops it at the end of the scenario.
func run(ctx context.Context, cluster *kube.Cluster, binary, namespace string, s scenario, log *os.File) (row, error) {
	controller, err := startController(ctx, binary, log, nil)
	if err != nil {
		return row{}, err
	}
	r, err := play(ctx, cluster, controller, namespace, s)
	return r, errors.Join(err, controller.Stop())
}

// startController starts a controller without webhooks.
func startController(ctx context.Context, binary string, log *os.File, env []string) (*meter.Controller, error) {
	return meter.Start(ctx, binary, port, log, env, "--namespace="+kube.Installation,
		"--inpod-image=example.invalid/inpod:1", "--webhook-port=0", "--log-level=warn")
}

// play creates the runs, plays their pods, and reads the used resources.
func play(ctx context.Context, cluster *kube.Cluster, controller *meter.Controller, namespace string, s scenario) (row, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	player := node.New(cluster.Kube, load.Result, "a result of a few words", pods)
	played := make(chan error, 3)
	go func() { played <- player.Run(ctx, namespace) }()
	if s.guests > 0 {
		go func() { played <- player.Run(ctx, guestsOf(namespace)) }()
	}
	if s.shape == load.Custom {
		go func() { played <- customtask.Serve(ctx, cluster.Client, namespace) }()
	}
	before, err := controller.Read()
	if err != nil {
		return row{}, err
	}
	r := row{Name: s.name, Runs: s.runs, Tasks: s.tasks}
	type end struct {
		guests *stats.Summary
		err    error
	}
	ended := make(chan end, 1)
	start := time.Now()
	go func() {
		if s.guests > 0 {
			guests, err := queue(ctx, cluster, player, namespace, s)
			ended <- end{guests, err}
			return
		}
		ended <- end{err: load.Run(ctx, cluster.Client, namespace, s.runs, load.Pipeline(s.shape, s.tasks))}
	}()
	select {
	case e := <-ended:
		r.Guests, err = e.guests, e.err
	case err = <-played:
	}
	if r.Wall = time.Since(start); err != nil {
		return r, err
	}
	if want := s.pods(); player.Played() != want {
		return r, fmt.Errorf("%d pods were played for %d tasks", player.Played(), want)
	}
	if r.Reading, err = controller.Read(); err != nil {
		return r, err
	}
	r.Processor -= before.Processor
	r.Calls -= before.Calls
	return r, nil
}

// begun is the number of waiting TaskRuns that have ended when the guests are created.
const begun = 100

// queue creates the guests when the controller has begun with the waiting TaskRuns, and waits for all.
func queue(ctx context.Context, cluster *kube.Cluster, player *node.Node, namespace string, s scenario) (*stats.Summary, error) {
	crowd := make(chan error, 1)
	go func() {
		_, err := load.Drain(ctx, cluster.Client, namespace, s.runs, time.Now())
		crowd <- err
	}()
	if err := kube.Poll(ctx, func(context.Context) (bool, error) { return player.Played() >= begun, nil }); err != nil {
		return nil, fmt.Errorf("the controller does not start any TaskRun: %w", err)
	}
	arrival := time.Now()
	if err := load.Queue(ctx, cluster.Client, guestsOf(namespace), s.guests); err != nil {
		return nil, err
	}
	guests, err := load.Drain(ctx, cluster.Client, guestsOf(namespace), s.guests, arrival)
	if err != nil {
		return nil, err
	}
	seconds := make([]float64, len(guests))
	for i := range guests {
		seconds[i] = guests[i].Seconds()
	}
	return new(stats.Summarize(seconds)), <-crowd
}

func guestsOf(namespace string) string { return namespace + "-guests" }

// prepare creates the namespaces of a scenario, and the TaskRuns that wait for the controller.
func prepare(ctx context.Context, cluster *kube.Cluster, namespace string, s scenario) error {
	if err := makeNamespace(ctx, cluster, namespace); err != nil || s.guests == 0 {
		return err
	}
	if err := makeNamespace(ctx, cluster, guestsOf(namespace)); err != nil {
		return err
	}
	return load.Queue(ctx, cluster.Client, namespace, s.runs)
}

// makeNamespace creates a namespace and its service account, because there is no controller manager that does so.
func makeNamespace(ctx context.Context, cluster *kube.Cluster, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := cluster.Client.Create(ctx, namespace); err != nil {
		return fmt.Errorf("cannot create namespace: %w", err)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "default"}}
	if err := cluster.Client.Create(ctx, account); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("cannot create service account: %w", err)
	}
	return nil
}

func table(w io.Writer, rows []row) error {
	const mib = 1 << 20
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "RUNS\tTASKS\tWALL\tTASKS/S\tPROCESSOR\tPER TASK\tPEAK\tCALLS\tPER TASK\t")
	for _, r := range rows {
		all := float64(r.Runs * r.Tasks)
		if r.Guests != nil {
			all += float64(r.Guests.N)
			defer fmt.Fprintf(w, "the %d in another namespace, created while the others waited: p50 %.1f s, p95 %.1f s\n",
				r.Guests.N, r.Guests.P50, r.Guests.P95)
		}
		fmt.Fprintf(out, "%d\t%d\t%.1f s\t%.0f\t%.1f s\t%.1f ms\t%d MiB\t%d\t%.1f\t\n", r.Runs, r.Tasks, r.Wall.Seconds(), all/r.Wall.Seconds(),
			r.Processor.Seconds(), 1000*r.Processor.Seconds()/all, r.Peak/mib, r.Calls, float64(r.Calls)/all)
	}
	return out.Flush()
}
