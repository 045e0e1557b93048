package sign

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

var (
	errNoPassword = errors.New("its password is in no environment variable " + passwordVariable + ", and the input is not a terminal")
	errVersion    = errors.New("this version is not supported; convert it to tekton.dev/v1, or a StepAction to tekton.dev/v1beta1")
	errList       = errors.New("a list has no signature for its items; make each item a document of the file")
	errTwice      = errors.New("the document has a field twice, or one that its kind does not have, which no signature covers")
)

// definition is a Task, Pipeline or StepAction of a file.
type definition struct {
	Kind   string
	Object metav1.Object
}

func (d *definition) String() string { return d.Kind + "/" + d.Object.GetName() }

// read returns the text of a file; "-" is stdin.
func read(file string, stdin io.Reader) (string, error) {
	if file == "-" {
		text, err := io.ReadAll(stdin)
		if err != nil {
			return "", fmt.Errorf("cannot read standard input: %w", err)
		}
		return string(text), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("cannot read the file: %w", err)
	}
	return string(text), nil
}

// parse decodes the text of a document strictly. It returns nil for objects of other kinds, and for an empty document.
func parse(text string) (*definition, error) {
	raw, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("it is not YAML: %w", err)
	}
	var meta metav1.TypeMeta
	if json.Unmarshal(raw, &meta) != nil {
		return nil, nil //nolint:nilnil // a list or a text is no definition
	}
	object, err := prototype(meta)
	if object == nil || err != nil {
		return nil, err
	}
	strict, err := kjson.UnmarshalStrict(raw, object)
	if err == nil && len(strict) > 0 {
		err = fmt.Errorf("%w: %w", errTwice, errors.Join(strict...))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot decode %s: %w", meta.Kind, err)
	}
	return &definition{meta.Kind, object}, nil
}

// prototype returns an empty object of a kind that can be signed; nil for all other kinds. It refuses a list, because kubectl applies
// the items, and they would be neither signed nor verified.
func prototype(meta metav1.TypeMeta) (metav1.Object, error) {
	group := meta.GroupVersionKind().Group
	switch {
	case strings.HasSuffix(meta.Kind, "List") && (group == "" || group == v1.GroupName):
		return nil, fmt.Errorf("kind: %q: %w", meta.Kind, errList)
	case group != v1.GroupName:
		return nil, nil //nolint:nilnil // another kind is not an error
	case meta.Kind != v1.KindTask && meta.Kind != v1.KindPipeline && meta.Kind != v1beta1.KindStepAction:
		return nil, nil //nolint:nilnil // another kind is not an error
	}
	switch meta.GroupVersionKind() {
	case v1.GroupVersion.WithKind(v1.KindTask):
		return &v1.Task{}, nil
	case v1.GroupVersion.WithKind(v1.KindPipeline):
		return &v1.Pipeline{}, nil
	case v1beta1.GroupVersion.WithKind(v1beta1.KindStepAction), v1alpha1.GroupVersion.WithKind(v1beta1.KindStepAction):
		return &v1beta1.StepAction{}, nil
	default:
		return nil, fmt.Errorf("apiVersion: %q of a %s: %w", meta.APIVersion, meta.Kind, errVersion)
	}
}
