//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// left is what the controller of an earlier version has left: the files below testdata/earlier of internal/taskrun and
// internal/pipelinerun.
type left struct {
	TaskRun      *v1.TaskRun         `json:"taskRun"`
	Pod          *corev1.Pod         `json:"pod"`
	Ended        corev1.PodStatus    `json:"ended"`
	Log          string              `json:"log"`
	Results      []v1.TaskRunResult  `json:"results"`
	Artifacts    *v1.Artifacts       `json:"artifacts"`
	PipelineRun  *v1.PipelineRun     `json:"pipelineRun"`
	TaskRuns     []v1.TaskRun        `json:"taskRuns"`
	CustomRuns   []v1beta1.CustomRun `json:"customRuns"`
	PipelineRuns []v1.PipelineRun    `json:"pipelineRuns"`
}

// runs returns the runs of all kinds.
func (l *left) runs() []client.Object {
	var all []client.Object
	if l.TaskRun != nil {
		all = append(all, l.TaskRun)
	}
	if l.PipelineRun != nil {
		all = append(all, l.PipelineRun)
	}
	for i := range l.TaskRuns {
		all = append(all, &l.TaskRuns[i])
	}
	for i := range l.CustomRuns {
		all = append(all, &l.CustomRuns[i])
	}
	for i := range l.PipelineRuns {
		all = append(all, &l.PipelineRuns[i])
	}
	return all
}

// decode reads the files of internal/taskrun and of internal/pipelinerun, whose field "results" differs.
func (l *left) decode(kind string, text []byte) error {
	if kind == "taskrun" {
		return yaml.UnmarshalStrict(text, l)
	}
	of := &struct {
		*left

		Results  any      `json:"results"`
		Children []string `json:"children"`
		Failure  any      `json:"failure"`
	}{left: l}
	return yaml.UnmarshalStrict(text, of)
}

// earlierRuns reads what each recorded version has left of a kind.
func earlierRuns(t *testing.T, kind string, least int) map[string]*left {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "internal", kind, "testdata", "earlier", "*", "*.yaml"))
	if err != nil || len(files) < least {
		t.Fatalf("want at least %d recorded runs, got %d, %v", least, len(files), err)
	}
	all := map[string]*left{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		l := &left{}
		if err := l.decode(kind, text); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[filepath.Join(kind, filepath.Base(filepath.Dir(file)), filepath.Base(file))] = l
	}
	return all
}

// untyped returns the spec and the status of an object.
func untyped(t *testing.T, o client.Object) map[string]any {
	t.Helper()
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"spec": fields["spec"], "status": fields["status"]}
}

// store creates an object with its status in a namespace.
func store(t *testing.T, namespace string, o client.Object) {
	t.Helper()
	o.SetNamespace(namespace)
	o.SetResourceVersion("")
	o.SetUID("")
	status := o.DeepCopyObject().(client.Object)
	create(t, o)
	status.SetResourceVersion(o.GetResourceVersion())
	status.SetUID(o.GetUID())
	if err := shared.client.Status().Update(t.Context(), status); err != nil {
		t.Fatalf("the status of %s: %v", o.GetName(), err)
	}
}

// TestEarlierRunsAreKept: the CRDs of this version keep every field of runs of all kinds that earlier versions have stored.
func TestEarlierRunsAreKept(t *testing.T) {
	all := earlierRuns(t, "taskrun", 6)
	maps.Copy(all, earlierRuns(t, "pipelinerun", 7))
	for name, l := range all {
		t.Run(name, func(t *testing.T) {
			namespace := newNamespace(t)
			for _, o := range l.runs() {
				want := untyped(t, o)
				store(t, namespace, o)
				if err := shared.client.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
					t.Fatal(err)
				}
				for _, field := range unkept(want, untyped(t, o), "") {
					t.Errorf("%T %q has lost %s", o, o.GetName(), field)
				}
			}
		})
	}
}

// unkept returns what was stored and is not read any more. The API server adds defaults.
func unkept(stored, read any, path string) []string {
	var all []string
	switch stored := stored.(type) {
	case map[string]any:
		fields, _ := read.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(stored)) {
			all = append(all, unkept(stored[name], fields[name], path+"."+name)...)
		}
		if len(stored) > 0 || fields != nil {
			return all
		}
	case []any:
		elements, _ := read.([]any)
		for i, element := range stored {
			if i < len(elements) {
				all = append(all, unkept(element, elements[i], fmt.Sprintf("%s[%d]", path, i))...)
			}
		}
		if len(elements) == len(stored) {
			return all
		}
	}
	if diff := cmp.Diff(stored, read); diff != "" {
		all = append(all, path+": -stored +read\n"+diff)
	}
	return all
}

// TestEarlierRunsContinue: the controller continues the TaskRuns of each earlier version with the pods of that version. It creates no
// other pod, and the results are whole.
func TestEarlierRunsContinue(t *testing.T) {
	all, namespaces, r := earlierRuns(t, "taskrun", 6), map[string]string{}, newRelay(t)
	for name, l := range all {
		namespaces[name] = newPlace(t)
		r.logs(namespaces[name], l.Log)
		now := metav1.NewTime(time.Now().Truncate(time.Second)) // its timeout has not passed
		l.TaskRun.Status.StartTime = &now
		store(t, namespaces[name], l.TaskRun)
		for i := range l.Pod.OwnerReferences {
			l.Pod.OwnerReferences[i].UID = l.TaskRun.UID
		}
		l.Pod.Labels[v1.LabelTaskRunUID] = string(l.TaskRun.UID)
		store(t, namespaces[name], l.Pod)
	}
	supervise(t, r)
	for name, l := range all {
		t.Run(name, func(t *testing.T) {
			eventually(t, func(ctx context.Context) error { // the controller can change the pod at the same time
				if err := shared.client.Get(ctx, client.ObjectKeyFromObject(l.Pod), l.Pod); err != nil {
					return err
				}
				l.Pod.Status = l.Ended
				return shared.client.Status().Update(ctx, l.Pod)
			})
			taskRuns, _ := awaitEnds(t, namespaces[name], time.Minute)
			pods := &corev1.PodList{}
			if err := shared.client.List(t.Context(), pods, client.InNamespace(namespaces[name])); err != nil {
				t.Fatal(err)
			}
			if len(taskRuns) != 1 || len(pods.Items) != 1 {
				t.Fatalf("want one TaskRun with one pod, got %d and %d", len(taskRuns), len(pods.Items))
			}
			status := taskRuns[0].Status
			if c := status.Condition(); c.Reason != v1.TaskRunReasonSucceeded {
				t.Errorf("got the condition %+v", c)
			}
			if diff := errors.Join(differs("results", l.Results, status.Results), differs("artifacts", l.Artifacts, status.Artifacts)); diff != nil {
				t.Error(diff)
			}
		})
	}
}

// differs returns an error that shows the difference of two values.
func differs(what string, want, got any) error {
	if diff := cmp.Diff(want, got); diff != "" {
		return errors.New(what + ": -want +got\n" + diff)
	}
	return nil
}
