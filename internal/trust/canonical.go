package trust

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// AnnotationSignature is the annotation of a definition with its signature, in base64.
const AnnotationSignature = "tekton.dev/signature"

// unsigned returns the annotations that a signature does not cover, as in Tekton: itself, and those that kubectl apply adds.
func unsigned() []string {
	return []string{AnnotationSignature, "kubectl-client-side-apply", "kubectl.kubernetes.io/last-applied-configuration"}
}

// errKind is the error for an object that cannot be signed.
var errKind = errors.New("only a Task, a Pipeline or a StepAction can be signed")

// form is one of the encodings of a definition that Tekton's programs sign and verify. They differ in texts that follow from the
// definition, so that no two definitions have a form in common.
//
// The sources of what is encoded are Tekton's Task.Checksum and Pipeline.Checksum (pkg/apis/pipeline/v1), the functions
// PrepareObjectMeta and ComputeSha256Checksum (pkg/apis/pipeline/internal/checksum), VerifyResource (pkg/trustedresources), and
// the commands sign and verify of tkn (pkg/trustedresources of its repository): the SHA-256 of the JSON of a Go struct, whose
// fields are encoded in their order. The signature is one of these 32 bytes, which the algorithm of the key hashes again.
type form struct {
	// defaults: the types of params and results are filled in, as Tekton's controller does before it verifies. tkn does not do
	// this when it signs.
	defaults bool
	// noTime: the metadata has no "creationTimestamp": null. It has one in programs with the libraries of Kubernetes before
	// 1.34, and none in later ones.
	noTime bool
}

// signingForm is the form that Sign uses. Controllers of Tekton up to the libraries of Kubernetes 1.33 verify it.
func signingForm() form { return form{defaults: true} }

// forms returns all forms, the most frequent one first.
func forms() []form {
	return []form{{defaults: true}, {}, {defaults: true, noTime: true}, {noTime: true}}
}

// encoded is a definition in the fields of Tekton's types, in their order.
type encoded struct {
	Kind       string      `json:"kind"`
	APIVersion string      `json:"apiVersion"`
	Metadata   encodedMeta `json:"metadata"`
	Spec       any         `json:"spec"`
}

// encodedMeta is the metadata that a signature covers.
type encodedMeta struct {
	Name              string            `json:"name,omitempty"`
	GenerateName      string            `json:"generateName,omitempty"`
	Namespace         string            `json:"namespace,omitempty"`
	CreationTimestamp *null             `json:"creationTimestamp,omitempty"`
	Labels            map[string]string `json:"labels,omitempty"`
	Annotations       map[string]string `json:"annotations,omitempty"`
}

// null is encoded as null, although it is there.
type null struct{}

func (*null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// Canonical is what signatures of a definition can cover.
type Canonical struct {
	meta encodedMeta
	kind metav1.TypeMeta
	spec func(defaults bool) any
}

// CanonicalOf returns what signatures of a *v1.Task, *v1.Pipeline or *v1beta1.StepAction cover. The error names a field that
// signatures cannot cover, because Tekton's types do not have it.
func CanonicalOf(object metav1.Object) (Canonical, error) {
	c := Canonical{meta: metaOf(object)}
	switch o := object.(type) {
	case *v1.Task:
		c.kind = metav1.TypeMeta{Kind: v1.KindTask, APIVersion: v1.GroupVersion.String()}
		return c, specOf(&c, &o.Spec, (*taskSpec).setDefaults)
	case *v1.Pipeline:
		c.kind = metav1.TypeMeta{Kind: v1.KindPipeline, APIVersion: v1.GroupVersion.String()}
		return c, specOf(&c, &o.Spec, (*pipelineSpec).setDefaults)
	case *v1beta1.StepAction:
		c.kind = metav1.TypeMeta{Kind: v1beta1.KindStepAction, APIVersion: v1beta1.GroupVersion.String()}
		return c, specOf(&c, &o.Spec, (*stepActionSpec).setDefaults)
	default:
		return Canonical{}, fmt.Errorf("cannot sign %T: %w", object, errKind)
	}
}

// specOf converts a spec to the fields of Tekton's type. It goes by way of JSON, so that a field that Tekton's type does not
// have is found and not left out.
func specOf[T any](c *Canonical, spec any, setDefaults func(*T)) error {
	raw, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("cannot encode the spec: %w", err)
	}
	if _, err := decoded[T](raw); err != nil {
		return err
	}
	c.spec = func(defaults bool) any {
		out, err := decoded[T](raw)
		if err == nil && defaults {
			setDefaults(out)
		}
		return out
	}
	return nil
}

// decoded decodes a spec strictly.
func decoded[T any](raw []byte) (*T, error) {
	out := new(T)
	strict, err := kjson.UnmarshalStrict(raw, out)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the spec: %w", err)
	}
	if len(strict) > 0 {
		return nil, fmt.Errorf("a signature cannot cover the spec: %w", errors.Join(strict...))
	}
	return out, nil
}

func metaOf(object metav1.Object) encodedMeta {
	annotations := maps.Clone(object.GetAnnotations())
	for _, key := range unsigned() {
		delete(annotations, key)
	}
	return encodedMeta{
		Name: object.GetName(), GenerateName: object.GetGenerateName(), Namespace: object.GetNamespace(),
		Labels: object.GetLabels(), Annotations: annotations,
	}
}

// json returns the text in a form.
func (c Canonical) json(f form) ([]byte, error) {
	out := encoded{Kind: c.kind.Kind, APIVersion: c.kind.APIVersion, Metadata: c.meta, Spec: c.spec(f.defaults)}
	if !f.noTime {
		out.Metadata.CreationTimestamp = &null{}
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the definition: %w", err)
	}
	return text, nil
}

// digest returns the bytes that are signed: the SHA-256 of the text in a form.
func (c Canonical) digest(f form) ([]byte, error) {
	text, err := c.json(f)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	return sum[:], nil
}

// digests returns the bytes that may be signed, without repetitions.
func (c Canonical) digests() ([][]byte, error) {
	var out [][]byte
	for _, f := range forms() {
		sum, err := c.digest(f)
		if err != nil {
			return nil, err
		}
		if !containsBytes(out, sum) {
			out = append(out, sum)
		}
	}
	return out, nil
}

func containsBytes(all [][]byte, one []byte) bool {
	for _, known := range all {
		if bytes.Equal(known, one) {
			return true
		}
	}
	return false
}
