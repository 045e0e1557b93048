// Bench measures on the current cluster how long a TaskRun takes: N of them one after another, each of two steps with one
// result, for either way of results, beside bare pods of three containers, which are the limit for anything that runs in
// pods. It prints a table and one line of JSON.
//
// usage: bench [-n N] [-size BYTES] [-namespace NAMESPACE] [-image IMAGE]
//
// It changes the ConfigMap feature-flags while it runs and sets it back at the end.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/bench/measure"
	"github.com/sluice-ci/sluice/test/bench/stats"
)

// podContainers is what a TaskRun of two steps has with sidecar-logs.
const podContainers = 3

// restoreTime is what setting the flags back may take, after an interruption too.
const restoreTime = 10 * time.Second

func main() {
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func bench() error {
	n := flag.Int("n", 10, "how often each thing is measured")
	size := flag.Int("size", 1024, "bytes of the result")
	namespace := flag.String("namespace", "default", "namespace of TaskRuns and pods")
	image := flag.String("image", "docker.io/library/busybox:1", "image of steps and containers")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	b, err := connect(*namespace, *image)
	if err != nil {
		return err
	}
	return run(ctx, os.Stdout, b, *n, *size)
}

func connect(namespace, image string) (*measure.Bench, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot load kubeconfig: %w", err)
	}
	if err := v1.AddToScheme(scheme.Scheme); err != nil {
		return nil, err
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return nil, fmt.Errorf("cannot make client: %w", err)
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cannot make client: %w", err)
	}
	return &measure.Bench{Client: c, Kube: kube, Namespace: namespace, Installation: "tekton-pipelines", Image: image}, nil
}

func run(ctx context.Context, w io.Writer, bench *measure.Bench, n, size int) (err error) {
	restore, err := remember(ctx, bench)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restore()) }()

	summaries, err := pods(ctx, bench, n)
	if err != nil {
		return err
	}
	for _, from := range []string{"sidecar-logs", "termination-message"} {
		summary, err := taskRuns(ctx, bench, from, n, size)
		if err != nil {
			return err
		}
		summaries = append(summaries, summary)
	}
	if err := stats.Table(w, summaries); err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(summaries)
}

// tick is how often the kubelet looks at its containers.
const tick = time.Second

// outOfStep waits for a part of a tick, another one each time: runs that begin right after the end of one another would
// all begin at the same moment between two ticks, and be shorter or longer for that alone.
func outOfStep(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(rand.N(tick)):
	}
}

// pods measures the limit. The first pod is not counted: it may have to pull the image.
func pods(ctx context.Context, bench *measure.Bench, n int) ([]stats.Summary, error) {
	var lines, ends []time.Duration
	for i := range n + 1 {
		outOfStep(ctx)
		line, end, err := bench.Pod(ctx, podContainers)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			lines, ends = append(lines, line), append(ends, end)
		}
	}
	return []stats.Summary{
		stats.Summarise(fmt.Sprintf("bare pod of %d containers, first log line", podContainers), lines),
		stats.Summarise(fmt.Sprintf("bare pod of %d containers, ended", podContainers), ends),
	}, nil
}

// taskRuns measures TaskRuns whose results come one way. The first is not counted, as with pods.
func taskRuns(ctx context.Context, bench *measure.Bench, from string, n, size int) (stats.Summary, error) {
	if err := bench.SetResultsFrom(ctx, from, size); err != nil {
		return stats.Summary{}, err
	}
	var series []time.Duration
	for i := range n + 1 {
		outOfStep(ctx)
		took, err := bench.TaskRun(ctx, size)
		if err != nil {
			return stats.Summary{}, err
		}
		if i > 0 {
			series = append(series, took)
		}
	}
	return stats.Summarise(fmt.Sprintf("TaskRun of two steps, result of %d bytes, %s", size, from), series), nil
}

// remember returns a function that sets the feature flags to what they are now.
func remember(ctx context.Context, bench *measure.Bench) (func() error, error) {
	configs := bench.Kube.CoreV1().ConfigMaps(bench.Installation)
	flags, err := configs.Get(ctx, "feature-flags", metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("cannot read ConfigMap %q: %w", "feature-flags", err)
	}
	data := map[string]any{}
	for _, key := range []string{"results-from", "max-result-size"} {
		data[key] = nil
		if value, ok := flags.Data[key]; ok {
			data[key] = value
		}
	}
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return nil, err
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTime)
		defer cancel()
		if _, err := configs.Patch(ctx, "feature-flags", types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
			return fmt.Errorf("cannot set ConfigMap %q back: %w", "feature-flags", err)
		}
		return nil
	}, nil
}
