package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/test/load/scale/etcd"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// original is the name of the run that is copied. It must not be part of any other text in the object.
const original = "originalrun"

// Sample returns a TaskRun as in many clusters: three steps, params, results, labels and annotations.
func Sample(namespace string) *v1.TaskRun {
	tr := taskRun(namespace, original)
	tr.Labels = map[string]string{"app.kubernetes.io/part-of": "checkout", "example.com/branch": "main"}
	tr.Annotations = map[string]string{"example.com/commit": "3f786850e387550fdab836ed7e6dc881de23001b"}
	tr.Spec.Params = []v1.Param{{Name: "url", Value: v1.StringValue("https://example.com/team/checkout.git")}}
	task := tr.Spec.TaskSpec
	task.Params = []v1.ParamSpec{{Name: "url", Type: v1.TypeString}}
	task.Steps = task.Steps[:0]
	for _, name := range []string{"clone", "build", "test"} {
		task.Steps = append(task.Steps, v1.Step{Name: name, Image: kube.StepImage, Script: "echo " + name + " of $(params.url)"})
	}
	for _, more := range MoreResults() {
		task.Results = append(task.Results, v1.TaskResult{Name: more.Name, Type: v1.TypeString})
	}
	return tr
}

// MoreResults are the results of Sample beside Result.
func MoreResults() []frame.Result {
	return []frame.Result{
		{Name: "commit", Value: []byte("3f786850e387550fdab836ed7e6dc881de23001b")},
		{Name: "report", Value: []byte(strings.Repeat("all tests passed; ", 30))},
	}
}

// Copies writes n copies of the finished Sample into etcd, each with its own name and UID, as the API server would have stored them.
func Copies(ctx context.Context, c client.Client, store *etcd.Store, namespace string, n int) error {
	finished := &unstructured.Unstructured{}
	finished.SetGroupVersionKind(v1.GroupVersion.WithKind(v1.KindTaskRun))
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: original}, finished); err != nil {
		return fmt.Errorf("cannot read the finished TaskRun: %w", err)
	}
	uid := string(finished.GetUID())
	finished.SetResourceVersion("") // etcd has it beside the object
	encoded, err := json.Marshal(finished)
	if err != nil {
		return fmt.Errorf("cannot encode the finished TaskRun: %w", err)
	}
	if !bytes.Contains(encoded, []byte(`"completionTime"`)) {
		return errors.New("the TaskRun to copy has not ended")
	}
	for from := 0; from < n; from += etcd.PerRequest {
		pairs := make([]etcd.Pair, 0, etcd.PerRequest)
		for i := from; i < min(n, from+etcd.PerRequest); i++ {
			pairs = append(pairs, copyOf(encoded, namespace, uid, i))
		}
		if err := store.Put(ctx, pairs); err != nil {
			return err
		}
	}
	return nil
}

// CopyName returns the name of a copy.
func CopyName(i int) string { return fmt.Sprintf("finished-run-%06d", i) }

// copyOf returns one copy of an encoded object.
func copyOf(encoded []byte, namespace, uid string, i int) etcd.Pair {
	name := CopyName(i)
	value := bytes.ReplaceAll(encoded, []byte(original), []byte(name))
	value = bytes.ReplaceAll(value, []byte(uid), fmt.Appendf(nil, "5a3c1d00-0000-4000-8000-%012x", i))
	return etcd.Pair{Key: fmt.Appendf(nil, "/registry/%s/taskruns/%s/%s", v1.GroupName, namespace, name), Value: value}
}

// AwaitTaskRun waits until a TaskRun has succeeded.
func AwaitTaskRun(ctx context.Context, c client.WithWatch, tr *v1.TaskRun) error {
	err := kube.Await(ctx, c, tr, &v1.TaskRunList{}, func(tr *v1.TaskRun) bool { return tr.Status.Done() })
	if err == nil && tr.Status.Condition().Status != metav1.ConditionTrue {
		err = fmt.Errorf("TaskRun %q: %s", tr.Name, kube.Describe(tr.Status.Condition()))
	}
	return err
}
