package cloudevents

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/truncate"
)

const (
	// maxValue is the maximum size in bytes of a result or param in an event. A larger one is left out and named. It is what a
	// termination message can hold, so that results of that transport are in the events.
	maxValue = 4096
	// maxBody is the maximum size of the data of an event in bytes. Every intermediary of CloudEvents forwards events of up to
	// 64 KiB; the attributes take the rest.
	maxBody = 60 << 10
)

// omission names what is left out of an event.
type omission struct {
	// Field is the path of the field, or of the list that has the value.
	Field string `json:"field"`
	// Name of the result or param; empty if the whole field is left out.
	Name string `json:"name,omitempty"`
	// Size in bytes: of the texts of a value with their keys or indexes, or of the JSON of a field.
	Size int `json:"size"`
	// SHA256 of a value, in hexadecimal digits: of the bytes of a string, of the JSON of an array or object.
	SHA256 string `json:"sha256,omitempty"`
}

// encode returns the data of an event about a run: the run in a field with the name of its kind. Large values are left out and named
// in the field omitted, never cut: a part of a value could be taken for the whole.
func encode(run client.Object) ([]byte, error) {
	field, reduced, omitted, err := reduce(run)
	if err != nil {
		return nil, err
	}
	body, err := wrap(field, reduced, omitted)
	if err != nil || len(body) <= maxBody {
		return body, err
	}
	return cut(field, reduced, omitted)
}

func wrap(field string, run any, omitted []omission) ([]byte, error) {
	data := map[string]any{field: run}
	if len(omitted) > 0 {
		data["omitted"] = omitted
	}
	body, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the data of an event: %w", err)
	}
	return body, nil
}

// reduce returns the run without large values, and the name of its field. It does not change the run.
func reduce(run client.Object) (field string, reduced any, omitted []omission, err error) {
	switch typed := run.(type) {
	case *v1.TaskRun:
		tr := *typed
		tr.TypeMeta, tr.ObjectMeta = metav1.TypeMeta{APIVersion: v1.GroupVersion.String(), Kind: v1.KindTaskRun}, metadata(tr.ObjectMeta)
		tr.Spec.Params = values(&omitted, "spec.params", tr.Spec.Params, paramOf)
		tr.Status.Results = values(&omitted, "status.results", tr.Status.Results, resultOf)
		tr.Status.Steps = slices.Clone(tr.Status.Steps)
		for i := range tr.Status.Steps {
			step := &tr.Status.Steps[i]
			step.Results = values(&omitted, "status.steps["+step.Name+"].results", step.Results, resultOf)
		}
		tr.Status.Conditions = messages(tr.Status.Conditions, func(c *metav1.Condition) *string { return &c.Message })
		return "taskRun", &tr, omitted, nil
	case *v1.PipelineRun:
		pr := *typed
		pr.TypeMeta, pr.ObjectMeta = metav1.TypeMeta{APIVersion: v1.GroupVersion.String(), Kind: v1.KindPipelineRun}, metadata(pr.ObjectMeta)
		pr.Spec.Params = values(&omitted, "spec.params", pr.Spec.Params, paramOf)
		pr.Status.Results = values(&omitted, "status.results", pr.Status.Results,
			func(r v1.PipelineRunResult) (string, v1.Value) { return r.Name, r.Value })
		pr.Status.Conditions = messages(pr.Status.Conditions, func(c *metav1.Condition) *string { return &c.Message })
		return "pipelineRun", &pr, omitted, nil
	case *v1beta1.CustomRun:
		cr := *typed
		cr.TypeMeta = metav1.TypeMeta{APIVersion: v1beta1.GroupVersion.String(), Kind: v1beta1.KindCustomRun}
		cr.ObjectMeta = metadata(cr.ObjectMeta)
		cr.Spec.Params = values(&omitted, "spec.params", cr.Spec.Params, paramOf)
		cr.Status.Results = values(&omitted, "status.results", cr.Status.Results,
			func(r v1beta1.CustomRunResult) (string, v1.Value) { return r.Name, v1.StringValue(r.Value) })
		cr.Status.Conditions = messages(cr.Status.Conditions, func(c *v1beta1.Condition) *string { return &c.Message })
		return "customRun", &cr, omitted, nil
	}
	return "", nil, nil, fmt.Errorf("cannot encode a %T: no events are about this kind", run)
}

// metadata returns the metadata without what only the API server and kubectl use.
func metadata(of metav1.ObjectMeta) metav1.ObjectMeta {
	of.ManagedFields = nil
	if _, ok := of.Annotations[corev1.LastAppliedConfigAnnotation]; ok {
		kept := make(map[string]string, len(of.Annotations))
		for key, value := range of.Annotations {
			if key != corev1.LastAppliedConfigAnnotation {
				kept[key] = value
			}
		}
		of.Annotations = kept
	}
	return of
}

// messages returns the conditions with their messages shortened, if they are long. A shortened message ends with its length.
func messages[C any](all []C, of func(*C) *string) []C {
	all = slices.Clone(all)
	for i := range all {
		text := of(&all[i])
		*text = truncate.Counted(*text, maxValue)
	}
	return all
}

func paramOf(p v1.Param) (string, v1.Value)          { return p.Name, p.Value }
func resultOf(r v1.TaskRunResult) (string, v1.Value) { return r.Name, r.Value }

// values returns the elements of a list whose values are not too large.
func values[T any](omitted *[]omission, field string, all []T, of func(T) (string, v1.Value)) []T {
	kept := make([]T, 0, len(all))
	for _, one := range all {
		name, value := of(one)
		if size := sizeOf(value); size > maxValue {
			*omitted = append(*omitted, omission{Field: field, Name: name, Size: size, SHA256: digest(value)})
		} else {
			kept = append(kept, one)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}

func sizeOf(value v1.Value) int {
	size := 0
	for key, text := range value.Texts() {
		size += len(key) + len(text)
	}
	return size
}

func digest(value v1.Value) string {
	data := []byte(value.String)
	if value.Type != v1.TypeString {
		encoded, err := json.Marshal(value)
		if err != nil {
			return ""
		}
		data = encoded
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// cut returns the data with as many fields left out as needed, the largest ones first. What identifies the run, and how it is doing,
// is never left out.
func cut(field string, run any, omitted []omission) ([]byte, error) {
	encoded, err := json.Marshal(run)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the data of an event: %w", err)
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &top); err != nil {
		return nil, fmt.Errorf("cannot decode the data of an event: %w", err)
	}
	parts, large, err := split(top)
	if err != nil {
		return nil, err
	}
	reduced := map[string]any{"apiVersion": top["apiVersion"], "kind": top["kind"]}
	for name, fields := range parts {
		reduced[name] = fields
	}
	for {
		body, err := wrap(field, reduced, limited(omitted))
		if err != nil || len(body) <= maxBody || len(large) == 0 {
			return body, err
		}
		for over := len(body) - maxBody; over > 0 && len(large) > 0; large = large[1:] {
			name, key, _ := strings.Cut(large[0].Field, ".")
			delete(parts[name], key)
			omitted = append(omitted, large[0])
			over -= large[0].Size
		}
	}
}

// split returns the fields of the parts of a run, and those that can be left out, the largest one first.
func split(top map[string]json.RawMessage) (parts map[string]map[string]json.RawMessage, large []omission, err error) {
	parts = map[string]map[string]json.RawMessage{}
	for _, name := range []string{"metadata", "spec", "status"} {
		fields := map[string]json.RawMessage{}
		if err := json.Unmarshal(top[name], &fields); err != nil {
			return nil, nil, fmt.Errorf("cannot decode the data of an event: %w", err)
		}
		parts[name] = fields
		for key, value := range fields {
			if path := name + "." + key; !slices.Contains(kept(), path) {
				large = append(large, omission{Field: path, Size: len(value)})
			}
		}
	}
	slices.SortFunc(large, func(a, b omission) int { return cmp.Or(b.Size-a.Size, strings.Compare(a.Field, b.Field)) })
	return parts, large, nil
}

// maxOmitted is how many omissions an event names one by one. A matrix can have thousands of large results.
const maxOmitted = 64

// limited returns the omissions, and one that counts those above the limit.
func limited(all []omission) []omission {
	if len(all) <= maxOmitted {
		return all
	}
	rest := omission{Field: fmt.Sprintf("%d more", len(all)-maxOmitted)}
	for _, o := range all[maxOmitted:] {
		rest.Size += o.Size
	}
	return append(slices.Clone(all[:maxOmitted]), rest)
}

// kept returns the fields that are in every event.
func kept() []string {
	return []string{
		"metadata.name", "metadata.namespace", "metadata.uid", "metadata.creationTimestamp", "metadata.generation",
		"metadata.resourceVersion", "status.conditions", "status.startTime", "status.completionTime",
	}
}
