package trust

import (
	"bytes"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// fresh returns an empty object of the same kind.
func fresh(object metav1.Object) metav1.Object {
	switch object.(type) {
	case *v1.Task:
		return &v1.Task{}
	case *v1.Pipeline:
		return &v1.Pipeline{}
	default:
		return &v1beta1.StepAction{}
	}
}

// leaf is a place in a tree of JSON at which a change can be made.
type leaf struct {
	path string
	set  func(any)
	drop func()
	old  any
}

// leaves returns all places of a tree.
func leaves(path string, value any, set func(any), drop func()) []leaf {
	all := []leaf{{path, set, drop, value}}
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = append(all, leaves(path+"."+key, v[key], func(n any) { v[key] = n }, func() { delete(v, key) })...)
		}
	case []any:
		for i := range v {
			all = append(all, leaves(fmt.Sprintf("%s[%d]", path, i), v[i], func(n any) { v[i] = n }, nil)...)
		}
	}
	return all
}

// changed makes one change at a place: another value, one element more, or none.
func changed(t *rapid.T, l leaf) {
	switch old := l.old.(type) {
	case string:
		l.set(old + rapid.StringMatching(`[a-z0-9]{1,4}`).Draw(t, "suffix"))
	case float64:
		l.set(old + 1)
	case bool:
		l.set(!old)
	case []any:
		l.set(append(slices.Clone(old), old[0]))
	case map[string]any:
		if l.drop != nil {
			l.drop()
		}
	}
}

// TestEveryChangeIsRefused: a definition in which one thing was changed after it was signed does not verify, whatever it is.
func TestEveryChangeIsRefused(t *testing.T) {
	by := newECDSA(t, elliptic.P256())
	for _, file := range []string{"task.yaml", "pipeline.yaml", "stepaction.yaml"} {
		object := signed(t, stored(t, file), by)
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(file, func(t *testing.T) {
			refusals := 0
			rapid.Check(t, func(r *rapid.T) {
				var tree map[string]any
				if err := json.Unmarshal(text, &tree); err != nil {
					r.Fatal(err)
				}
				part := rapid.SampledFrom([]string{"metadata", "spec"}).Draw(r, "part")
				all := leaves(part, tree[part], nil, nil)[1:]
				place := rapid.SampledFrom(all).Draw(r, "place")
				changed(r, place)
				altered := fresh(object)
				raw, err := json.Marshal(tree)
				if err != nil {
					r.Fatal(err)
				}
				if json.Unmarshal(raw, altered) != nil {
					return // it is no definition any more, and is refused before it is verified
				}
				now, err := json.Marshal(altered)
				if err != nil {
					r.Fatal(err)
				}
				if bytes.Equal(now, text) || strings.HasPrefix(place.path, "metadata.annotations.kubectl") {
					return // the object is the same, or the annotation is one that has no effect
				}
				if _, err := CanonicalOf(altered); err != nil {
					refusals++
					return
				}
				err = Verify(altered, []Key{by.key(t)})
				if !errors.Is(err, errMismatch) && !errors.Is(err, errBase64) && !errors.Is(err, errUnsigned) {
					r.Fatalf("a change at %s: %v", place.path, err)
				}
				refusals++
			})
			if refusals == 0 {
				t.Error("no change was tried")
			}
		})
	}
}

// TestWhatASignatureDoesNotCover: annotations of kubectl apply, and what the API server adds.
func TestWhatASignatureDoesNotCover(t *testing.T) {
	by := newECDSA(t, elliptic.P256())
	task := signed(t, stored(t, "plain.yaml"), by).(*v1.Task)
	task.Annotations["kubectl.kubernetes.io/last-applied-configuration"] = "{}"
	task.UID, task.ResourceVersion, task.Generation = "x", "7", 3
	task.CreationTimestamp = metav1.Now()
	if err := Verify(task, []Key{by.key(t)}); err != nil {
		t.Error(err)
	}
	task.Annotations["other"] = "x"
	if err := Verify(task, []Key{by.key(t)}); !errors.Is(err, errMismatch) {
		t.Errorf("another annotation: %v", err)
	}
}

// TestEachFormIsVerified: a definition that was signed without defaults, or by a program with later libraries, verifies.
func TestEachFormIsVerified(t *testing.T) {
	canonical, err := CanonicalOf(stored(t, "task.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	digests, err := canonical.digests()
	if err != nil {
		t.Fatal(err)
	}
	if len(digests) != len(forms()) {
		t.Errorf("%d different digests of %d forms", len(digests), len(forms()))
	}
	for _, f := range forms() {
		digest, err := canonical.digest(f)
		if err != nil || !containsBytes(digests, digest) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// TestFieldsThatTektonDoesNotHave: what the text of a signature cannot contain is refused, and not left out of it.
func TestFieldsThatTektonDoesNotHave(t *testing.T) {
	pipeline := stored(t, "pipeline.yaml").(*v1.Pipeline)
	pipeline.Spec.Tasks[0].PipelineSpec = rawExtension(`{"tasks":[{"name":"a","Retries":1}]}`)
	if _, err := CanonicalOf(pipeline); err == nil {
		t.Error("a field that is written in another case was left out")
	}
}
