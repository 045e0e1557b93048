package specschema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// objects is how many random objects of each kind the tests make.
const objects = uint64(400)

const bases = "../../../config/crd/bases"

// server validates the objects of a kind as the API server does, with the schema of the CRD.
type server struct {
	validator validation.SchemaValidator
	kind      string
}

func servers(t *testing.T) []server {
	t.Helper()
	files, err := filepath.Glob(bases + "/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found no CRD, %v", err)
	}
	var all []server
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(text, &crd); err != nil {
			t.Fatal(err)
		}
		for _, version := range crd.Spec.Versions {
			if !version.Storage {
				continue
			}
			var schema apiextensions.JSONSchemaProps
			err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &schema, nil)
			if err != nil {
				t.Fatal(err)
			}
			validator, _, err := validation.NewSchemaValidator(&schema)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, server{validator, crd.Spec.Names.Kind})
		}
	}
	return all
}

// refused returns the fields of an object that the API server refuses.
func (s server) refused(t *testing.T, raw []byte) field.ErrorList {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		t.Fatal(err)
	}
	delete(object, "metadata") // the API server has its own schema for it
	delete(object, "status")
	return validation.ValidateCustomResource(nil, object, s.validator)
}

// TestMeasureAgreesWithTheAPIServer: for objects of random values, the fields that Measure refuses are those that the validator of the
// API server refuses. So no object that passes the limit makes the API server report many errors.
func TestMeasureAgreesWithTheAPIServer(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.kind, func(t *testing.T) {
			for seed := range objects {
				g := generator{random: rand.New(rand.NewPCG(seed, 1)), wrong: float64(seed%4) * 0.05}
				raw, err := json.Marshal(map[string]any{"spec": g.value(Of(s.kind), 0)})
				if err != nil {
					t.Fatal(err)
				}
				want := map[string]bool{}
				for _, e := range s.refused(t, raw) {
					want[e.Field] = true
				}
				if len(want) >= maxErrors {
					continue // Measure keeps fewer
				}
				got := map[string]bool{}
				for _, e := range Of(s.kind).Measure(raw, Limits{Steps: 1 << 40, Refused: 1 << 40}).Errors {
					got[key.ReplaceAllString(e.Field, ".$1")] = true
				}
				delete(want, unnamed)
				if diff := difference(want, got); diff != "" {
					t.Fatalf("seed %d: %s\nin %s", seed, diff, raw)
				}
			}
		})
	}
}

// unnamed is the field of a second error about a number that is no int32. The first one names the field, by its bounds.
const unnamed = "<nil>"

// key is a key of a map in a path of Measure. The API server writes it like a field.
var key = regexp.MustCompile(`\[(k\d)]`)

func difference(want, got map[string]bool) string {
	var text strings.Builder
	for name := range want {
		if !got[name] {
			fmt.Fprintf(&text, "the API server refuses %s, and Measure admits it\n", name)
		}
	}
	for name := range got {
		if !want[name] {
			fmt.Fprintf(&text, "Measure refuses %s, and the API server admits it\n", name)
		}
	}
	return text.String()
}

// generator makes values that a schema admits, except for a share of wrong ones.
type generator struct {
	random *rand.Rand
	wrong  float64
}

func (g generator) chance(p float64) bool { return g.random.Float64() < p }

// texts are right or wrong for the patterns and enumerations of the CRDs.
var texts = []string{
	"a", "A-b_1", "", "1h", "0", "x y", "in", "notin", "string", "array", "object", "continue", "1.5Gi", "2006-01-02T15:04:05Z", "TCP",
	"Ä", "a/b",
}

func (g generator) value(s *Schema, depth int) any {
	kind := s.kind
	switch {
	case s.time: // the API server admits a list here, which no decoder does
	case g.chance(g.wrong):
		kind = []string{"object", "array", "string", "integer", "boolean", "number"}[g.random.IntN(6)]
	case s.intOrString:
		kind = []string{"integer", "string"}[g.random.IntN(2)]
	}
	switch kind {
	case "object":
		return g.object(s, depth)
	case "array":
		return g.list(s, depth)
	case "integer":
		return []int{0, 1, -1, 7, 100_000, 3_000_000_000}[g.random.IntN(6)]
	case "number":
		return g.random.Float64()
	case "boolean":
		return g.chance(0.5)
	default:
		return texts[g.random.IntN(len(texts))]
	}
}

func (g generator) object(s *Schema, depth int) any {
	object := map[string]any{}
	for name, p := range s.properties {
		if p.name == name && g.chance(1/float64(depth+2)) && depth < 12 {
			object[name] = g.value(p.of, depth+1)
		}
	}
	if s.values != nil {
		for range g.random.IntN(3) {
			object[fmt.Sprintf("k%d", g.random.IntN(5))] = g.value(s.values, depth+1)
		}
	}
	return object
}

func (g generator) list(s *Schema, depth int) any {
	list := []any{}
	for range g.random.IntN(4) {
		if s.items == nil {
			list = append(list, "a")
			continue
		}
		list = append(list, g.value(s.items, depth+1))
	}
	return list
}
