package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/test/load/bench/stats"
	"github.com/sluice-ci/sluice/test/load/bench/usage"
	"github.com/sluice-ci/sluice/test/load/scale/load"
	"github.com/sluice-ci/sluice/test/load/scale/meter"
	"github.com/sluice-ci/sluice/test/load/scale/node"
	"github.com/sluice-ci/sluice/test/load/scale/sink"
	"github.com/sluice-ci/sluice/test/testutil/eventrecord"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// nameObserved is the name of the scenario that compares a controller that is observed in all ways with one that is not.
const nameObserved = "observed"

const (
	// observedRuns is the number of TaskRuns of one round, and rounds how many there are with and without observers.
	observedRuns, rounds = 1000, 3
	// aim is the ratio of processor times that is wanted at most.
	aim = 1.05
	// scrapePeriod is how often the metrics are read. Prometheus does so less often.
	scrapePeriod = time.Second
	// settling is how long a controller that is measured still runs after the last TaskRun: it sends traces a second after that, and
	// writes the mark of events that were sent within half a second.
	settling = 6 * time.Second
)

// observed compares the rounds of both kinds.
type observed struct {
	Runs int     `json:"runs"`
	Off  []round `json:"off"`
	On   []round `json:"on"`
}

// round holds the measurements of one round.
type round struct {
	Wall time.Duration `json:"wallNanoseconds"`
	// Received is what observers have received, and Scrapes how often the metrics were read; 0 without observers.
	Received sink.Counts `json:"received"`
	Scrapes  int         `json:"scrapes"`
	// Records is how many TaskRuns cost a write that records that their events were sent. The mark records those of all others.
	Records int `json:"records"`
	// Machine is the processor time of everything on the machine except this program, which plays the node and the observers. Most of it
	// is that of the API server and of etcd.
	Machine time.Duration `json:"machineNanoseconds"`

	meter.Reading `json:",inline"`
}

// observers are the settings that make the controller send events and traces to s, and count with the labels that cost most.
func observers(s *sink.Sink) []*corev1.ConfigMap {
	settings := map[string]map[string]string{
		"config-events":  {"formats": "tektonv1", "sink": s.URL(sink.Events)},
		"config-tracing": {"enabled": "true", "endpoint": s.URL(sink.Traces)},
		"config-observability": {
			"metrics.taskrun.level": "task", "metrics.pipelinerun.level": "pipeline",
			"metrics.taskrun.duration-type": "histogram", "metrics.pipelinerun.duration-type": "histogram",
		},
	}
	maps := make([]*corev1.ConfigMap, 0, len(settings))
	for name, data := range settings {
		maps = append(maps, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: kube.Installation, Name: name}, Data: data})
	}
	return maps
}

// observe starts a sink, and creates the settings that make a controller use it. Stop removes both. After an error nothing is left.
func observe(ctx context.Context, c client.Client) (s *sink.Sink, stop func() error, err error) {
	if s, err = sink.Start(ctx); err != nil {
		return nil, nil, err
	}
	var created []*corev1.ConfigMap
	stop = func() error {
		failed := s.Stop()
		for _, each := range created {
			if err := c.Delete(context.WithoutCancel(ctx), each); err != nil {
				failed = errors.Join(failed, fmt.Errorf("cannot delete ConfigMap %q: %w", each.Name, err))
			}
		}
		return failed
	}
	for _, each := range observers(s) {
		if err := c.Create(ctx, each); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("cannot create ConfigMap %q: %w", each.Name, err), stop())
		}
		created = append(created, each)
	}
	return s, stop, nil
}

// measureObserved measures rounds without and with observers in turn. The order changes each time, because the finished runs of a round
// stay, and a later controller has more of them.
func measureObserved(ctx context.Context, cluster *kube.Cluster, binary string) (observed, error) {
	o := observed{Runs: observedRuns}
	// Without the mark, a controller would send the events of earlier rounds again. So it stays.
	sent := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: kube.Installation, Name: mark.Name}}
	if err := cluster.Client.Create(ctx, sent); err != nil && !apierrors.IsAlreadyExists(err) {
		return o, fmt.Errorf("cannot create ConfigMap %q: %w", mark.Name, err)
	}
	for i := range 2 * rounds {
		name, into := "off", &o.Off
		if on := i%4 == 1 || i%4 == 2; on { // two of four, in the order of a mirror
			name, into = "on", &o.On
		}
		r, err := measureRound(ctx, cluster, binary, fmt.Sprintf("%s-%d", name, i), name == "on")
		if err != nil {
			return o, fmt.Errorf("round %d (%s): %w", i+1, name, err)
		}
		*into = append(*into, r)
	}
	return o, nil
}

// measureRound runs the TaskRuns in a new namespace, with a new controller.
func measureRound(ctx context.Context, cluster *kube.Cluster, binary, name string, on bool) (r round, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	namespace := fmt.Sprintf("scale-%s-%s-%d", nameObserved, name, time.Now().Unix())
	if err := makeNamespace(ctx, cluster, namespace); err != nil {
		return r, err
	}
	log, err := os.CreateTemp("", "sluice-scale-*.log")
	if err != nil {
		return r, err
	}
	defer log.Close()
	fmt.Fprintf(os.Stderr, "==> %s, %s: %d TaskRuns; the controller's log is %s\n", nameObserved, name, observedRuns, log.Name())
	received := &sink.Sink{}
	if on {
		var stop func() error
		if received, stop, err = observe(ctx, cluster.Client); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	controller, err := startController(ctx, binary, log, asDeployed())
	if err != nil {
		return r, err
	}
	r, err = runRound(ctx, cluster, controller, namespace, on)
	if r.Received = received.Counts(); err == nil {
		err = r.check(controller, on)
	}
	if err == nil && on {
		r.Records, err = records(ctx, cluster, namespace)
	}
	return r, errors.Join(err, controller.Stop())
}

// runRound creates the TaskRuns when the controller has nothing else to do, and reads what it has used when it has sent everything.
func runRound(ctx context.Context, cluster *kube.Cluster, controller *meter.Controller, namespace string, on bool) (round, error) {
	r := round{}
	if err := errors.Join(controller.AwaitReady(ctx), controller.AwaitIdle(ctx)); err != nil {
		return r, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	player := node.New(cluster.Kube, load.Result, "a result of a few words", pods)
	go func() {
		if err := player.Run(ctx, namespace); err != nil {
			stop(err)
		}
	}()
	before, err := controller.Read()
	if err != nil {
		return r, err
	}
	idle, err := others()
	if err != nil {
		return r, err
	}
	scraped := make(chan int, 1)
	watching, end := context.WithCancel(ctx)
	defer end()
	go func() { scraped <- scrape(watching, controller, on) }()
	begin := time.Now()
	err = load.Queue(ctx, cluster.Client, namespace, observedRuns)
	if err == nil {
		_, err = load.Drain(ctx, cluster.Client, namespace, observedRuns, begin)
	}
	if r.Wall = time.Since(begin); err != nil {
		return r, errors.Join(err, context.Cause(ctx))
	}
	select {
	case <-ctx.Done():
		return r, context.Cause(ctx)
	case <-time.After(settling):
	}
	end()
	r.Scrapes = <-scraped
	busy, machineErr := others()
	r.Machine = busy - idle
	r.Reading, err = controller.Read()
	r.Processor -= before.Processor
	r.Calls -= before.Calls
	return r, errors.Join(err, machineErr)
}

// others returns the processor time of all other processes of the machine so far.
func others() (time.Duration, error) {
	all, err := usage.Machine()
	if err != nil {
		return 0, err
	}
	own, err := usage.Process(os.Getpid()).Processor()
	return time.Duration((all - own) * float64(time.Second)), err
}

// scrape reads the metrics again and again until ctx ends, if they are to be read at all, and returns how often that was.
func scrape(ctx context.Context, controller *meter.Controller, on bool) int {
	tick := time.NewTicker(scrapePeriod)
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return n
		case <-tick.C:
			if on && controller.Scrape() == nil {
				n++
			}
		}
	}
}

// check returns an error unless the observers have received everything, or nothing if there are none.
func (r *round) check(controller *meter.Controller, on bool) error {
	sent, err := controller.Sum("sluice_events_sent_total{")
	if err != nil {
		return err
	}
	traced, err := controller.Sum(`sluice_traced_runs_total{outcome="sent"}`)
	if err != nil {
		return err
	}
	const events = 3 // of a TaskRun at least: queued, started, successful
	switch {
	case !on && (sent != 0 || traced != 0):
		return fmt.Errorf("the controller has sent %d events, and the traces of %d runs, without observers", sent, traced)
	case on && (sent < events*observedRuns || int(sent) != r.Received.Events || traced != observedRuns || r.Scrapes == 0):
		return fmt.Errorf("the controller has sent %d events (want at least %d, and %d were received), and the traces of %d runs (want %d); "+
			"its metrics were read %d times", sent, events*observedRuns, r.Received.Events, traced, observedRuns, r.Scrapes)
	}
	return nil
}

// records returns how many TaskRuns of a namespace have an own record that says that their events were sent. It is an error if neither
// that nor the mark says so.
func records(ctx context.Context, cluster *kube.Cluster, namespace string) (int, error) {
	m, err := eventrecord.Mark(ctx, cluster.Client, kube.Installation)
	if err != nil {
		return 0, err
	}
	var all v1.TaskRunList
	if err := cluster.Client.List(ctx, &all, client.InNamespace(namespace)); err != nil {
		return 0, fmt.Errorf("cannot list TaskRuns: %w", err)
	}
	own := 0
	for i := range all.Items {
		annotations := all.Items[i].Status.Annotations
		if _, err := eventrecord.Events(m, annotations); err != nil {
			return 0, fmt.Errorf("TaskRun %q: %w", all.Items[i].Name, err)
		}
		if _, err := strconv.Atoi(annotations[v1.AnnotationEvents]); err == nil {
			own++
		}
	}
	return own, nil
}

// median returns the median of one time of all rounds.
func median(of []round, one func(round) time.Duration) time.Duration {
	times := make([]float64, len(of))
	for i := range of {
		times[i] = float64(one(of[i]))
	}
	return time.Duration(stats.Median(times))
}

// compare prints the medians of one time without and with observers, and their ratio.
func (o observed) compare(w io.Writer, what string, one func(round) time.Duration) {
	off, on := median(o.Off, one), median(o.On, one)
	fmt.Fprintf(w, "%s: %s: medians of %.2f s and %.2f s of processor time: a ratio of %.3f (the aim is at most %.2f)\n", nameObserved, what,
		off.Seconds(), on.Seconds(), float64(on)/float64(off), aim)
}

// report prints the rounds and the ratio.
func (o observed) report(w io.Writer) {
	const mib = 1 << 20
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "OBSERVERS\tWALL\tMACHINE\tCONTROLLER\tPER TASKRUN\tPEAK\tCALLS\tPER TASKRUN\tEVENTS\tRECORDS\t"+
		"REQUESTS WITH TRACES\tSCRAPES\t")
	add := func(name string, of []round) {
		for _, r := range of {
			fmt.Fprintf(out, "%s\t%.1f s\t%.1f s\t%.2f s\t%.2f ms\t%d MiB\t%d\t%.1f\t%d\t%d\t%d\t%d\t\n", name, r.Wall.Seconds(),
				r.Machine.Seconds(), r.Processor.Seconds(), 1000*r.Processor.Seconds()/float64(o.Runs), r.Peak/mib, r.Calls,
				float64(r.Calls)/float64(o.Runs), r.Received.Events, r.Records, r.Received.Traces, r.Scrapes)
		}
	}
	add("off", o.Off)
	add("on", o.On)
	_ = out.Flush() // an error of w would show in the next line, too
	o.compare(w, "controller", func(r round) time.Duration { return r.Processor })
	o.compare(w, "machine without this program", func(r round) time.Duration { return r.Machine })
}
