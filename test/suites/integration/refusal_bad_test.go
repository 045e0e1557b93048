//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestBadObjects: the schemas and their rules alone, without a webhook, refuse the objects in
// internal/validation/testdata/bad whose comments begin with "schema: ". The message must contain the text after that.
func TestBadObjects(t *testing.T) {
	namespace := newNamespace(t)
	files, err := filepath.Glob(root + "/internal/validation/testdata/bad/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("want 40 files or more, got %d: %v", len(files), err)
	}
	bySchema := 0
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			words := schemaWords(text)
			if len(words) == 0 {
				return // the webhook refuses it
			}
			bySchema++
			o := &unstructured.Unstructured{}
			if err := yaml.Unmarshal(text, &o.Object); err != nil {
				t.Fatal(err)
			}
			o.SetNamespace(namespace)
			err = shared.client.Create(t.Context(), o, client.DryRunAll)
			if !apierrors.IsInvalid(err) {
				t.Fatalf("want it refused as invalid, got: %v", err)
			}
			for _, want := range words {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in the message, got: %v", want, err)
				}
			}
		})
	}
	t.Logf("the schemas refuse %d of %d; the others are the webhook's", bySchema, len(files))
	// A schema has no rules about the elements of lists: see docs/design/0037-rules-of-lists-are-in-the-webhook.md.
	if bySchema < 25 {
		t.Errorf("want 25 or more refused without a webhook, got %d", bySchema)
	}
}

// TestGoodObjects: the schemas have every field of a kind, and accept it.
func TestGoodObjects(t *testing.T) {
	namespace := newNamespace(t)
	files, err := filepath.Glob(root + "/internal/validation/testdata/good/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("want a file for each of the five kinds, got %d: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			o := &unstructured.Unstructured{}
			if err := yaml.Unmarshal(text, &o.Object); err != nil {
				t.Fatal(err)
			}
			o.SetNamespace(namespace)
			want := o.DeepCopy()
			if err := client.WithFieldValidation(shared.client, metav1.FieldValidationStrict).Create(t.Context(), o, client.DryRunAll); err != nil {
				t.Errorf("want it taken, got: %v", err)
			}
			if lost := lostFields("spec", want.Object["spec"], o.Object["spec"]); len(lost) > 0 {
				t.Errorf("what was stored lacks %v", lost)
			}
		})
	}
}

// lostFields lists the paths that were sent and are missing in the stored object. Defaults may have been added.
func lostFields(path string, sent, stored any) []string {
	var lost []string
	switch s := sent.(type) {
	case map[string]any:
		kept, _ := stored.(map[string]any)
		for key, value := range s {
			if _, ok := kept[key]; !ok {
				lost = append(lost, path+"."+key)
				continue
			}
			lost = append(lost, lostFields(path+"."+key, value, kept[key])...)
		}
	case []any:
		kept, _ := stored.([]any)
		if len(kept) != len(s) {
			return []string{path}
		}
		for i := range s {
			lost = append(lost, lostFields(path+"["+strconv.Itoa(i)+"]", s[i], kept[i])...)
		}
	}
	return lost
}

// schemaWords returns the texts after "schema: " in the comments at the beginning of a file.
func schemaWords(text []byte) []string {
	var words []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line, comment := strings.CutPrefix(lines.Text(), "# ")
		if !comment {
			break
		}
		if word, ok := strings.CutPrefix(line, "schema: "); ok {
			words = append(words, word)
		}
	}
	return words
}

// TestEndedRunsAreRecords: the spec of a run that has ended cannot be changed, but everything else can.
func TestEndedRunsAreRecords(t *testing.T) {
	ended := metav1.Now()
	long := v1.StringValue(strings.Repeat("x", 1_000_000))
	runs := map[string]struct {
		run, other client.Object
		end        func(client.Object)
	}{
		"TaskRun": {
			run:   &v1.TaskRun{Spec: v1.TaskRunSpec{TaskRef: &v1.TaskRef{Name: "t"}, Params: []v1.Param{{Name: "p", Value: long}}}},
			other: &v1.TaskRun{Spec: v1.TaskRunSpec{TaskRef: &v1.TaskRef{Name: "t"}, Params: []v1.Param{{Name: "p", Value: v1.StringValue("y")}}}},
			end:   func(o client.Object) { o.(*v1.TaskRun).Status.CompletionTime = &ended },
		},
		"PipelineRun": {
			run: &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineRef: &v1.PipelineRef{Name: "p"}, Params: []v1.Param{{Name: "p", Value: long}}}},
			other: &v1.PipelineRun{Spec: v1.PipelineRunSpec{
				PipelineRef: &v1.PipelineRef{Name: "p"},
				Params:      []v1.Param{{Name: "p", Value: v1.StringValue("y")}},
			}},
			end: func(o client.Object) { o.(*v1.PipelineRun).Status.CompletionTime = &ended },
		},
	}
	namespace := newNamespace(t)
	for kind, tc := range runs {
		t.Run(kind, func(t *testing.T) {
			tc.run.SetNamespace(namespace)
			tc.run.SetName("ended")
			create(t, tc.run)
			if err := shared.client.Update(t.Context(), tc.run); err != nil {
				t.Errorf("a run that continues can be updated, got: %v", err)
			}
			tc.end(tc.run)
			if err := shared.client.Status().Update(t.Context(), tc.run); err != nil {
				t.Fatalf("cannot end the run: %v", err)
			}
			tc.run.SetLabels(map[string]string{"kept": "yes"})
			if err := shared.client.Update(t.Context(), tc.run); err != nil {
				t.Errorf("labels of a run that has ended can be changed, got: %v", err)
			}
			tc.other.SetNamespace(namespace)
			tc.other.SetName("ended")
			tc.other.SetResourceVersion(tc.run.GetResourceVersion())
			err := shared.client.Update(t.Context(), tc.other)
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "the run has ended") {
				t.Errorf("want another spec refused, got: %v", err)
			}
		})
	}
}
