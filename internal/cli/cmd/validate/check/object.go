package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/document"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/strict"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/validation"
)

// Object is an object of a file, with its defaults.
type Object struct {
	Document document.Document
	Kind     string
	// Value is a *v1.Task, *v1.Pipeline, *v1.TaskRun, *v1.PipelineRun, *v1beta1.StepAction or
	// *v1alpha1.VerificationPolicy.
	Value metav1.Object
	// Sound reports that the object could be decoded. Only then are the other rules checked.
	Sound bool

	rules validation.Object
}

// Name returns the kind and the name as messages show them.
func (o *Object) Name() string {
	switch name := o.Value.GetName(); {
	case name != "":
		return o.Kind + "/" + name
	case o.Value.GetGenerateName() != "":
		return o.Kind + "/" + o.Value.GetGenerateName() + "*"
	default:
		return o.Kind
	}
}

// Finding returns a finding about a field of the object.
func (o *Object) Finding(severity Severity, path, message, hint string) Finding {
	return Finding{Place: o.Document.At(path), Severity: severity, Object: o.Name(), Field: path, Message: message, Hint: hint}
}

// of returns the finding for a rule that the object breaks.
func (o *Object) of(err *field.Error) Finding {
	return o.Finding(Error, err.Field, err.ErrorBody(), "")
}

// prototype returns an empty object of the kind, or nil if the kind is not served.
func prototype(gvk schema.GroupVersionKind) metav1.Object {
	switch gvk {
	case v1.GroupVersion.WithKind(v1.KindTask):
		return &v1.Task{}
	case v1.GroupVersion.WithKind(v1.KindTaskRun):
		return &v1.TaskRun{}
	case v1.GroupVersion.WithKind(v1.KindPipeline):
		return &v1.Pipeline{}
	case v1.GroupVersion.WithKind(v1.KindPipelineRun):
		return &v1.PipelineRun{}
	case v1beta1.GroupVersion.WithKind(kindStepAction), earlierStepAction.WithKind(kindStepAction):
		return &v1beta1.StepAction{}
	case v1alpha1.GroupVersion.WithKind(v1alpha1.KindVerificationPolicy):
		return &v1alpha1.VerificationPolicy{}
	case v1beta1.GroupVersion.WithKind(v1beta1.KindCustomRun):
		return &v1beta1.CustomRun{}
	}
	return nil
}

const kindStepAction = "StepAction"

// earlierStepAction is served with the schema of the later version.
var earlierStepAction = schema.GroupVersion{Group: v1.GroupName, Version: "v1alpha1"} //nolint:gochecknoglobals // Nothing changes it.

// notHere returns the kinds of Tekton Pipelines in this group that Sluice does not have.
func notHere() []string {
	return []string{"ClusterTask", "Condition", "PipelineResource", "Run"}
}

// served returns the served kinds with their versions.
func served() map[string]string {
	return map[string]string{
		v1.KindTask: v1.GroupVersion.String(), v1.KindTaskRun: v1.GroupVersion.String(), v1.KindPipeline: v1.GroupVersion.String(),
		v1.KindPipelineRun: v1.GroupVersion.String(), kindStepAction: v1beta1.GroupVersion.String(),
		v1alpha1.KindVerificationPolicy: v1alpha1.GroupVersion.String(),
		v1beta1.KindCustomRun:           v1beta1.GroupVersion.String(),
	}
}

// earlierVersions returns the versions that Tekton serves, or has served, and Sluice does not.
func earlierVersions() []string {
	return []string{v1.GroupName + "/v1alpha1", v1.GroupName + "/v1beta1"}
}

// decode decodes a document. It returns no object for another API group, or for an unknown kind.
func decode(d document.Document) (*Object, []Finding) {
	var meta metav1.TypeMeta
	if err := json.Unmarshal(d.JSON, &meta); err != nil {
		return nil, nil // a list or a text: a file of another program
	}
	if meta.Kind == "" && meta.APIVersion == "" && !hasSpec(d) {
		return nil, nil
	}
	if meta.Kind == "" || meta.APIVersion == "" {
		return nil, []Finding{{
			Place:    d.Start(),
			Severity: Error,
			Message:  "apiVersion and kind must be given",
			Hint:     "as in apiVersion: " + v1.GroupVersion.String() + ", kind: Pipeline",
		}}
	}
	value := prototype(meta.GroupVersionKind())
	rules, known := validation.ObjectOf(value)
	if !known {
		return nil, unknownKind(d, meta)
	}
	o := &Object{Document: d, Kind: meta.Kind, Value: value, rules: rules}
	faults, err := strict.Check(d.JSON, value)
	if err != nil {
		return nil, []Finding{{Place: d.Start(), Severity: Error, Message: fmt.Sprintf("cannot be read: %v", err)}}
	}
	decodeErr := json.Unmarshal(d.JSON, value)
	o.Sound = decodeErr == nil
	var findings []Finding
	for _, f := range faults {
		findings = append(findings, o.fault(f))
		o.Sound = o.Sound && f.Problem == ""
	}
	for _, twice := range d.Duplicates() {
		findings = append(findings, Finding{
			Place: twice.Place, Severity: Error, Object: o.Name(), Field: twice.Key,
			Message: fmt.Sprintf("key %q occurs twice; only the last value would be used", twice.Key),
		})
	}
	if decodeErr != nil && o.sound(faults) {
		findings = append(findings, o.Finding(Error, "", fmt.Sprintf("cannot be decoded: %v", decodeErr), ""))
	}
	return o, append(findings, o.checkMetadata()...)
}

// hasSpec reports whether a document has the parts of an object, so that apiVersion and kind are probably forgotten.
func hasSpec(d document.Document) bool {
	var parts struct {
		Metadata json.RawMessage `json:"metadata"`
		Spec     json.RawMessage `json:"spec"`
	}
	return json.Unmarshal(d.JSON, &parts) == nil && (parts.Metadata != nil || parts.Spec != nil)
}

// sound reports whether no fault is a wrong value.
func (o *Object) sound(faults []strict.Fault) bool {
	return !slices.ContainsFunc(faults, func(f strict.Fault) bool { return f.Problem != "" })
}

// unknownKind returns a finding for an unknown kind or version of this API, and nothing for other groups.
func unknownKind(d document.Document, meta metav1.TypeMeta) []Finding {
	if !strings.HasPrefix(meta.APIVersion, v1.GroupName+"/") {
		return nil
	}
	name := meta.Kind
	if version, ok := served()[meta.Kind]; ok {
		if slices.Contains(earlierVersions(), meta.APIVersion) {
			return []Finding{otherVersion(d, meta, version)}
		}
		return []Finding{{
			Place: d.At("apiVersion"), Severity: Error, Object: name, Field: "apiVersion",
			Message: fmt.Sprintf("%s has no version %s", meta.Kind, meta.APIVersion), Hint: "write apiVersion: " + version,
		}}
	}
	if slices.Contains(notHere(), meta.Kind) {
		return []Finding{{
			Place: d.At("kind"), Severity: Note, Object: name, Field: "kind",
			Message: fmt.Sprintf("%s is not checked: Sluice does not have this kind", meta.Kind),
		}}
	}
	kinds := make([]string, 0, len(served()))
	for kind := range served() {
		kinds = append(kinds, kind)
	}
	return []Finding{{
		Place: d.At("kind"), Severity: Error, Object: name, Field: "kind",
		Message: fmt.Sprintf("unknown kind %q in %s", meta.Kind, meta.APIVersion), Hint: meant(meta.Kind, kinds),
	}}
}

func (o *Object) fault(f strict.Fault) Finding {
	if f.Respelled != "" {
		found := o.Finding(Warning, f.Path, fmt.Sprintf("the field is read as %q", f.Respelled), "write "+f.Respelled)
		found.Place = o.Document.KeyAt(f.Path)
		return found
	}
	if f.Unknown == "" {
		return o.Finding(Error, f.Path, f.Problem, "")
	}
	found := o.Finding(Error, f.Path, fmt.Sprintf("unknown field %q", f.Unknown), meant(f.Unknown, f.Known))
	found.Place = o.Document.KeyAt(f.Path)
	return found
}

// meant returns a hint with the similar names, or with all names if they are few.
func meant(name string, known []string) string {
	folded := map[string]string{}
	lower := make([]string, len(known))
	for i, k := range known {
		lower[i] = strings.ToLower(k)
		folded[lower[i]] = k
	}
	near := runs.Near(strings.ToLower(name), lower)
	for i := range near {
		near[i] = folded[near[i]]
	}
	const few = 8
	switch {
	case len(near) > 0:
		return "did you mean " + strings.Join(near, ", or ") + "?"
	case len(known) > 0 && len(known) <= few:
		return "use one of " + strings.Join(known, ", ")
	default:
		return ""
	}
}

// checkMetadata checks the rules of the API server for the name of an object.
func (o *Object) checkMetadata() []Finding {
	name, generated := o.Value.GetName(), o.Value.GetGenerateName()
	if name == "" && generated == "" {
		return []Finding{o.Finding(Error, "metadata.name", "the object has no name",
			"set metadata.name, or metadata.generateName to create a new object each time")}
	}
	var findings []Finding
	for _, message := range utilvalidation.IsDNS1123Subdomain(name) {
		if name != "" {
			findings = append(findings, o.Finding(Error, "metadata.name", fmt.Sprintf("%q: %s", name, message), ""))
		}
	}
	return findings
}
