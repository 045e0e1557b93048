package validation_test

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/validation"
)

func newObject(t *testing.T, kind string) any {
	t.Helper()
	switch kind {
	case v1.KindTask:
		return &v1.Task{}
	case v1.KindTaskRun:
		return &v1.TaskRun{}
	case v1.KindPipeline:
		return &v1.Pipeline{}
	case v1.KindPipelineRun:
		return &v1.PipelineRun{}
	case v1beta1.KindStepAction:
		return &v1beta1.StepAction{}
	case v1alpha1.KindVerificationPolicy:
		return &v1alpha1.VerificationPolicy{}
	}
	t.Fatalf("unknown kind %q", kind)
	return nil
}

// readObject decodes a file, and refuses fields that its kind does not have.
func readObject(t *testing.T, file string) validation.Object {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var head struct {
		Kind string `json:"kind"`
	}
	if err := yaml.Unmarshal(text, &head); err != nil {
		t.Fatal(err)
	}
	o := newObject(t, head.Kind)
	if err := yaml.UnmarshalStrict(text, o); err != nil {
		t.Fatalf("cannot decode: %v", err)
	}
	object, ok := validation.ObjectOf(o)
	if !ok {
		t.Fatalf("there are no rules for a %T", o)
	}
	return object
}

// wanted are the first comment lines of a file: what the message must contain. Lines that begin with "schema: " are for
// the API server's own message; see test/suites/integration.
func wanted(text []byte) []string {
	var words []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line, comment := strings.CutPrefix(lines.Text(), "# ")
		if !comment {
			break
		}
		if !strings.HasPrefix(line, "schema: ") {
			words = append(words, line)
		}
	}
	return words
}

// Every object in testdata/bad is refused, with a message that names the field and the value and says what to do.
func TestBadObjectsAreRefused(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "bad", "*.yaml"))
	if err != nil || len(files) < 40 {
		t.Fatalf("want 40 files or more, got %d: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			o := readObject(t, file)
			o.Default()
			errs := append(validation.Errors(o.Report), validation.Errors(func(r *validation.Report) {
				o.ReportLimits(r, validation.DefaultLimits())
			})...)
			checkRefusal(t, errs, wanted(text))
		})
	}
}

// Every object in testdata/good, which has one of everything that its kind can say, is valid with its defaults and without
// them, but for fields that are not supported yet.
func TestGoodObjectsAreValid(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "good", "*.yaml"))
	if err != nil || len(files) < 5 {
		t.Fatalf("want a file for each of the five kinds, got %d: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			o := readObject(t, file)
			for _, defaults := range []string{"without", "with"} {
				for _, err := range validation.Errors(o.Report) {
					if message := err.Error(); !strings.Contains(message, "not supported yet") {
						t.Errorf("%s defaults: %s", defaults, message)
					}
				}
				o.Default()
			}
		})
	}
}

// checkRefusal fails the test unless one error, leaving out what is not supported yet, has all the words.
func checkRefusal(t *testing.T, errs field.ErrorList, words []string) {
	t.Helper()
	if len(words) == 0 {
		t.Fatal("the file does not begin with comments that say what its message must contain")
	}
	var got []string
	for _, err := range errs {
		message := err.Error()
		if strings.Contains(message, "not supported yet") {
			continue
		}
		got = append(got, message)
		if containsAll(message, words) {
			return
		}
	}
	t.Errorf("want one message with %q, got:\n%s", words, strings.Join(got, "\n"))
}

func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
