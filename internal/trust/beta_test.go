package trust

import (
	"bytes"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/internal/convert"
)

// converted returns the object that a run uses for a definition of tekton.dev/v1beta1 with a signature.
func converted(t *testing.T, object metav1.Object, signature string) metav1.Object {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	raw = bytes.ReplaceAll(raw, []byte(`"computeResources"`), []byte(`"resources"`))
	fields := map[string]any{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	annotations := map[string]any{AnnotationSignature: signature}
	for key, value := range object.GetAnnotations() {
		annotations[key] = value
	}
	fields["apiVersion"] = convert.V1beta1
	fields["metadata"] = map[string]any{"name": object.GetName(), "annotations": annotations}
	if raw, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	if raw, err = convert.ToV1(raw); err != nil {
		t.Fatal(err)
	}
	var into metav1.Object = &v1.Task{}
	if fields["kind"] == v1.KindPipeline {
		into = &v1.Pipeline{}
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
	return into
}

// TestSignaturesOfV1beta1FailClosed: a signature covers the text of one version. One of a definition of tekton.dev/v1beta1 is not valid
// for the definition that it is converted to, so that a policy refuses it, as it refuses an unsigned one.
func TestSignaturesOfV1beta1FailClosed(t *testing.T) {
	by := newECDSA(t, elliptic.P256())
	metadata := metav1.ObjectMeta{Name: "beta", Annotations: map[string]string{"team": "a"}}
	objects := map[string]metav1.Object{
		"Task": &v1.Task{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1.GroupVersion.String(), Kind: v1.KindTask},
			ObjectMeta: metadata,
			Spec:       v1.TaskSpec{Steps: []v1.Step{{Name: "s", Image: "busybox", Script: "true"}}},
		},
		"Pipeline": &v1.Pipeline{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1.GroupVersion.String(), Kind: v1.KindPipeline},
			ObjectMeta: *metadata.DeepCopy(),
			Spec:       v1.PipelineSpec{Tasks: []v1.PipelineTask{{Name: "a", TaskRef: &v1.TaskRef{Name: "build"}}}},
		},
	}
	for name, object := range objects {
		t.Run(name, func(t *testing.T) {
			canonical, err := CanonicalOf(object)
			if err != nil {
				t.Fatal(err)
			}
			canonical.kind.APIVersion = convert.V1beta1
			for _, f := range forms() {
				digest, err := canonical.digest(f)
				if err != nil {
					t.Fatal(err)
				}
				signature, err := by.signer(t).signer.SignMessage(bytes.NewReader(digest))
				if err != nil {
					t.Fatal(err)
				}
				d := Definition{Kind: name, Name: "beta", Object: converted(t, object, base64.StdEncoding.EncodeToString(signature))}
				if err := Verify(d.Object, []Key{by.key(t)}); !errors.Is(err, errMismatch) {
					t.Errorf("%+v: want %v, got %v", f, errMismatch, err)
				}
				v := Decide(d, []Check{{Policy: "a", Mode: v1alpha1.ModeEnforce, Keys: []Key{by.key(t)}}}, NoMatchIgnore)
				if v.Result != Refused {
					t.Errorf("%+v: want the definition to be refused, got %+v", f, v)
				}
			}
			// The same definition with a signature of what it is converted to is valid: nothing but the version is wrong above.
			signature, err := by.signer(t).Sign(object)
			if err != nil {
				t.Fatal(err)
			}
			into := converted(t, object, signature)
			if err := Verify(into, []Key{by.key(t)}); err != nil {
				t.Errorf("a signature of tekton.dev/v1: %v", err)
			}
		})
	}
}
