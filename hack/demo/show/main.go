// Show waits for a run of the example pipeline and prints its output: each result with its type, size and digest, each object
// with its size, and the duration of each task. It fails if anything differs from what the steps recorded.
//
// usage: show [--namespace NAMESPACE] [--want-failure] PIPELINERUN
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/hack/demo/internal/follow"
	"github.com/sluice-ci/sluice/hack/demo/internal/report"
)

// patience bounds the duration of the pipeline. It takes seconds, but the first run may have to pull an image.
const patience = 5 * time.Minute

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	namespace := flag.String("namespace", "default", "namespace of the PipelineRun")
	wantFailure := flag.Bool("want-failure", false, "the run is expected to fail because a result is too large for its transport")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return show(ctx, os.Stdout, client.ObjectKey{Namespace: *namespace, Name: flag.Arg(0)}, *wantFailure)
}

func show(ctx context.Context, w io.Writer, key client.ObjectKey, wantFailure bool) error {
	if key.Name == "" {
		return errors.New("no PipelineRun given; usage: show [--namespace NAMESPACE] [--want-failure] PIPELINERUN")
	}
	c, err := connect()
	if err != nil {
		return err
	}
	var tracker follow.Tracker
	run, err := tracker.Run(ctx, c, key, func(message string) { fmt.Fprintln(w, "  "+message) })
	if err != nil {
		return err
	}
	tasks, err := children(ctx, c, run, &tracker)
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	if wantFailure {
		return failure(w, run, tasks)
	}
	return success(ctx, w, c, run, tasks)
}

// success prints results and objects. It fails if they differ from what the steps recorded.
func success(ctx context.Context, w io.Writer, c client.Client, run *v1.PipelineRun, tasks []report.Task) error {
	if wrong := report.Check(run, tasks); len(wrong) > 0 {
		return errors.Join(errors.New(strings.Join(wrong, "\n")), report.Failure(w, run, tasks))
	}
	size, err := encodedSize(ctx, c, v1.KindPipelineRun, client.ObjectKeyFromObject(run))
	if err != nil {
		return err
	}
	if err := report.Results(w, tasks); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nresult make.sbom has the digest that the step of task make computed, and that the script of task check,\n"+
		"which contains the whole document, computed again:\n%s\n\n", report.DocumentDigest(tasks))
	return report.Objects(w, run, size, tasks)
}

// failure prints why the run failed. It fails if the reason is not a result that is too large.
func failure(w io.Writer, run *v1.PipelineRun, tasks []report.Task) error {
	if err := report.Failure(w, run, tasks); err != nil {
		return err
	}
	for _, task := range tasks {
		if c := task.Run.Status.Condition(); c != nil && c.Reason == v1.TaskRunReasonResultTooLarge {
			return nil
		}
	}
	return fmt.Errorf("PipelineRun %q was expected to fail with reason %s", run.Name, v1.TaskRunReasonResultTooLarge)
}

// children reads the TaskRuns of a run, in the order of the pipeline.
func children(ctx context.Context, c client.Client, run *v1.PipelineRun, tracker *follow.Tracker) ([]report.Task, error) {
	var tasks []report.Task
	for _, reference := range run.Status.ChildReferences {
		key := client.ObjectKey{Namespace: run.Namespace, Name: reference.Name}
		var child v1.TaskRun
		if err := c.Get(ctx, key, &child); err != nil {
			return nil, fmt.Errorf("cannot read TaskRun %q: %w", reference.Name, err)
		}
		size, err := encodedSize(ctx, c, v1.KindTaskRun, key)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, report.Task{Name: reference.PipelineTaskName, Run: &child, Encoded: size, Took: tracker.Took(child.Name)})
	}
	return tasks, nil
}

// encodedSize returns the size of an object's JSON, including fields that this program does not know.
func encodedSize(ctx context.Context, c client.Client, kind string, key client.ObjectKey) (int, error) {
	var obj unstructured.Unstructured
	obj.SetGroupVersionKind(v1.GroupVersion.WithKind(kind))
	if err := c.Get(ctx, key, &obj); err != nil {
		return 0, fmt.Errorf("cannot read %s %q: %w", kind, key.Name, err)
	}
	data, err := json.Marshal(obj.Object)
	if err != nil {
		return 0, fmt.Errorf("cannot encode %s %q: %w", kind, key.Name, err)
	}
	return len(data), nil
}

func connect() (client.WithWatch, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot load kubeconfig: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := v1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return client.NewWithWatch(config, client.Options{Scheme: scheme})
}
