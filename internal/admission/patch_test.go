package admission

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/creation"
	"github.com/sluice-ci/sluice/internal/validation"
)

func noSettings() creation.Settings { return creation.Settings{} }

// patched applies operations to a document.
func patched(t *rapid.T, before []byte, operations any) any {
	encoded, err := json.Marshal(operations)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(encoded)
	if err != nil {
		t.Fatalf("no JSON patch: %v: %s", err, encoded)
	}
	after, err := patch.Apply(before)
	if err != nil {
		t.Fatalf("cannot apply %s to %s: %v", encoded, before, err)
	}
	var document any
	if err := json.Unmarshal(after, &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// TestAdditionsLeadFromOneToTheOther: whatever differs below the members of the document, the patch makes one of the other.
func TestAdditionsLeadFromOneToTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.SampledFrom([]string{"", "a", "b~/"})
		inner := rapid.MapOfN(small, rapid.SliceOfN(rapid.MapOfN(small, small, 0, 2), 0, 3), 0, 3)
		documents := [2][]byte{}
		for i := range documents {
			encoded, err := json.Marshal(map[string]any{"spec": inner.Draw(t, "inner")})
			if err != nil {
				t.Fatal(err)
			}
			documents[i] = encoded
		}
		operations, err := additions(documents[0], documents[1], rapid.SampledFrom([]int{0, 40, maxInside}).Draw(t, "most"))
		if err != nil {
			t.Fatalf("no patch from %s to %s: %v", documents[0], documents[1], err)
		}
		var want any
		if err := json.Unmarshal(documents[1], &want); err != nil {
			t.Fatal(err)
		}
		if got := patched(t, documents[0], operations); !reflect.DeepEqual(got, want) {
			t.Errorf("%v makes %v of %s, not %v", operations, got, documents[0], want)
		}
	})
}

// TestAdditionsRefuseWhatWasTakenAway: a member of the document itself is never removed, and a document that is cut is refused.
func TestAdditionsRefuseWhatWasTakenAway(t *testing.T) {
	for name, tc := range map[string]struct{ before, after string }{
		"Member": {before: `{"a":1,"b":2}`, after: `{"a":1}`},
		"Cut":    {before: `{"a":[1]}`, after: `{"a":[1`},
	} {
		if operations, err := additions([]byte(tc.before), []byte(tc.after), maxInside); !errors.Is(err, errTaken) {
			t.Errorf("%s: want it refused, got %v, %v", name, operations, err)
		}
	}
}

// The API server takes seconds to apply tens of thousands of operations to a large object.
func TestManyAdditionsReplaceTheValue(t *testing.T) {
	cases := map[string]struct {
		members int
		most    int
		want    int
	}{
		"Few": {
			members: 100,
			most:    maxInside,
			want:    100,
		},
		"Many": {
			members: 10_000,
			most:    maxInside,
			want:    1,
		},
		"ManyOfAStoredObject": {
			members: 10_000,
			most:    math.MaxInt,
			want:    10_000,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			list := func(member string) []byte {
				return []byte(`{"spec":{"params":[` + strings.Repeat(member+",", tc.members-1) + member + `]}}`)
			}
			operations, err := additions(list(`{"name":"a"}`), list(`{"name":"a","type":"string"}`), tc.most)
			if err != nil || len(operations) != tc.want {
				t.Errorf("%d operations, want %d; error: %v", len(operations), tc.want, err)
			}
		})
	}
}

// An update keeps the unknown fields of an object that was stored without the rules, whatever the defaults change.
func TestUpdateReplacesNoValues(t *testing.T) {
	task := Of(validation.TaskRules(), validation.DefaultLimits)
	for name, old := range map[string][]byte{"Create": nil, "Update": []byte(`{}`)} {
		t.Run(name, func(t *testing.T) {
			changed, err := task.defaulted(t.Context(), []byte(`{"spec":{"params":[{"name":"a"}],"steps":[{"image":"i"}]}}`), old)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := changed.most == math.MaxInt, name == "Update"; got != want {
				t.Errorf("values are kept: %v, want %v", got, want)
			}
		})
	}
}
