package trust

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// stored reads a definition of testdata.
func stored(t *testing.T, file string) metav1.Object {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(text, &meta); err != nil {
		t.Fatal(err)
	}
	object := map[string]metav1.Object{
		v1.KindTask: &v1.Task{}, v1.KindPipeline: &v1.Pipeline{}, v1beta1.KindStepAction: &v1beta1.StepAction{},
	}[meta.Kind]
	if err := yaml.UnmarshalStrict(text, object); err != nil {
		t.Fatal(err)
	}
	return object
}

// TestDigestsAreThoseOfTekton: the digests of Tasks and Pipelines were computed by Tekton's own Checksum (v1.6.0, with the libraries
// of Kubernetes 1.32), of the files as they are and with Tekton's defaults. A signature made there would otherwise not be valid here,
// and the other way around.
func TestDigestsAreThoseOfTekton(t *testing.T) {
	cases := map[string]struct {
		file      string
		plain     string
		defaulted string
	}{
		"Task": {
			file:      "task.yaml",
			plain:     "0f49e6c3bd0abdf4f94dddaf49f3e96485da83bf8f3759dc0bb60607c4eb4fa1",
			defaulted: "bd8b2b7de6ab7c9d4c32c9e3eaa9b893d31f79855b2202dfc8a0c75131a509b5",
		},
		"Pipeline": {
			file:      "pipeline.yaml",
			plain:     "f5d581bee5a375f67a1fe7e1e6abade1ee56dbb36b24401437a23b5bdeb553b4",
			defaulted: "635c14bf6286e1689a3df74bca2ab6bc7e6211fd76f4c127e1e8fdfbd37c23bf",
		},
		"Small": {
			file:      "plain.yaml",
			plain:     "5e276a1fd8710c0f17f1e2f0480d289b6162d4e8a2bea2fc38cd5641853ab1aa",
			defaulted: "5e276a1fd8710c0f17f1e2f0480d289b6162d4e8a2bea2fc38cd5641853ab1aa",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			canonical, err := CanonicalOf(stored(t, tc.file))
			if err != nil {
				t.Fatal(err)
			}
			for f, want := range map[form]string{{}: tc.plain, {defaults: true}: tc.defaulted} {
				got, err := canonical.digest(f)
				if err != nil {
					t.Fatal(err)
				}
				if hex.EncodeToString(got) != want {
					text, _ := canonical.json(f)
					t.Errorf("%+v: digest %x, want %s; of %s", f, got, want, text)
				}
			}
		})
	}
}

func rawExtension(text string) *runtime.RawExtension { return &runtime.RawExtension{Raw: []byte(text)} }
