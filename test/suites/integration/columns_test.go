//go:build integration

package integration

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestColumns: the API server returns the table that kubectl prints. The test requests it as kubectl does, because kubectl
// adds nothing to it.
func TestColumns(t *testing.T) {
	namespace := newNamespace(t)
	started := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	ended := metav1.NewTime(started.Add(time.Minute))

	taskRun := &v1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "one"},
		Spec:       v1.TaskRunSpec{TaskRef: &v1.TaskRef{Name: "t"}},
	}
	create(t, taskRun)
	taskRun.Status.StartTime, taskRun.Status.CompletionTime = &started, &ended
	taskRun.Status.SetCondition(v1.Failed(v1.TaskRunReasonFailed, "step-a failed"), ended)
	updateStatus(t, taskRun)

	pipelineRun := &v1.PipelineRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "one"},
		Spec:       v1.PipelineRunSpec{PipelineRef: &v1.PipelineRef{Name: "p"}},
	}
	create(t, pipelineRun)
	pipelineRun.Status.StartTime = &started
	pipelineRun.Status.SetCondition(v1.Running("Running", "one task runs"), started)
	updateStatus(t, pipelineRun)

	cases := map[string]struct {
		reason   string
		resource string
		want     map[string]any
	}{
		"Ended": {
			reason:   "The columns that scripts read from the peer's table.",
			resource: "taskruns",
			want:     map[string]any{"Name": "one", "Succeeded": "False", "Reason": "Failed", "StartTime": "60m", "CompletionTime": "59m"},
		},
		"Running": {
			reason:   "A run that goes on has no time of completion.",
			resource: "pipelineruns",
			want:     map[string]any{"Name": "one", "Succeeded": "Unknown", "Reason": "Running", "StartTime": "60m", "CompletionTime": nil},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := row(t, namespace, tc.resource)
			for _, column := range []string{"StartTime", "CompletionTime"} {
				// An age grows during the test, so the test checks only that the value is an age.
				if age, ok := got[column].(string); ok && tc.want[column] != nil {
					if _, err := time.ParseDuration(age); err != nil {
						t.Errorf("%s: %q is not an age: %v", column, age, err)
					}
					got[column] = tc.want[column]
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func create(t *testing.T, o client.Object) {
	t.Helper()
	if err := shared.client.Create(t.Context(), o); err != nil {
		t.Fatalf("cannot create %T: %v", o, err)
	}
}

func updateStatus(t *testing.T, o client.Object) {
	t.Helper()
	if err := shared.client.Status().Update(t.Context(), o); err != nil {
		t.Fatalf("cannot update the status of %T: %v", o, err)
	}
}

// row returns the only row of a resource's table, by column.
func row(t *testing.T, namespace, resource string) map[string]any {
	t.Helper()
	config := rest.CopyConfig(shared.config)
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	config.GroupVersion, config.APIPath = &v1.GroupVersion, "/apis"
	c, err := rest.RESTClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	data, err := c.Get().Namespace(namespace).Resource(resource).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(t.Context())
	if err != nil {
		t.Fatalf("cannot get the table of %s: %v", resource, err)
	}
	var table metav1.Table
	if err := json.Unmarshal(data, &table); err != nil {
		t.Fatalf("cannot decode the table of %s: %v", resource, err)
	}
	if len(table.Rows) != 1 || len(table.Rows[0].Cells) != len(table.ColumnDefinitions) {
		t.Fatalf("want one row with a cell for each column, got %s", data)
	}
	cells := map[string]any{}
	for i, column := range table.ColumnDefinitions {
		cells[column.Name] = table.Rows[0].Cells[i]
	}
	return cells
}
