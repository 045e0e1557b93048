package run

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// given is a param as the user typed it: -p name=value, for an array also several times.
type given struct {
	name   string
	values []string
}

// parseParams parses the -p flags. For a value @FILE it reads the file.
func parseParams(flags []string) ([]given, error) {
	var all []given
	for _, text := range flags {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, clierror.New(fmt.Sprintf("cannot parse -p %q", text), "use -p name=value, or -p name=@FILE for the content of a file")
		}
		if file, isFile := strings.CutPrefix(value, "@"); isFile {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, clierror.Hint(fmt.Errorf("cannot read the value of param %q: %w", name, err),
					"a value that begins with @ names a file")
			}
			value = string(data)
		}
		if i := slices.IndexFunc(all, func(g given) bool { return g.name == name }); i >= 0 {
			all[i].values = append(all[i].values, value)
		} else {
			all = append(all, given{name, []string{value}})
		}
	}
	return all, nil
}

// value returns the JSON value for the declared type. An empty type means that the type is unknown.
func (g given) value(declared v1.ValueType) (any, error) {
	switch declared {
	case v1.TypeArray:
		return g.array()
	case v1.TypeObject:
		return g.object()
	case v1.TypeString:
		if len(g.values) > 1 {
			return nil, clierror.New(fmt.Sprintf("param %q is a string, but -p sets it %d times", g.name, len(g.values)))
		}
		return g.values[0], nil
	default:
		if len(g.values) > 1 {
			return g.array()
		}
		return g.values[0], nil
	}
}

// array returns a JSON array as its elements, and other values as one element each.
func (g given) array() (any, error) {
	var elements []string
	if len(g.values) == 1 && strings.HasPrefix(strings.TrimSpace(g.values[0]), "[") {
		if err := json.Unmarshal([]byte(g.values[0]), &elements); err != nil {
			return nil, clierror.Hint(fmt.Errorf("cannot parse the value of param %q as an array of strings: %w", g.name, err),
				fmt.Sprintf(`-p %s='["a","b"]', or -p %s=a -p %s=b`, g.name, g.name, g.name))
		}
	} else {
		elements = g.values
	}
	plain := make([]any, len(elements))
	for i, e := range elements {
		plain[i] = e
	}
	return plain, nil
}

// object returns the fields of a JSON object.
func (g given) object() (any, error) {
	var members map[string]string
	if err := json.Unmarshal([]byte(g.values[0]), &members); err != nil || len(g.values) > 1 {
		return nil, clierror.New(fmt.Sprintf("cannot parse the value of param %q as an object of strings", g.name),
			fmt.Sprintf(`-p %s='{"key":"value"}'`, g.name))
	}
	plain := make(map[string]any, len(members))
	for k, v := range members {
		plain[k] = v
	}
	return plain, nil
}

// setParams sets the params of a run, and replaces existing ones of the same name. Declared has the params of its Task or
// Pipeline. It is nil if they are unknown; then names and types are not checked.
func setParams(run *unstructured.Unstructured, params []given, declared []v1.ParamSpec) error {
	list, _, err := unstructured.NestedSlice(run.Object, "spec", "params")
	if err != nil {
		return fmt.Errorf("cannot read spec.params of the run: %w", err)
	}
	for _, g := range params {
		kind, err := kindOf(g.name, declared)
		if err != nil {
			return err
		}
		value, err := g.value(kind)
		if err != nil {
			return err
		}
		list = put(list, g.name, map[string]any{"name": g.name, "value": value})
	}
	return unstructured.SetNestedSlice(run.Object, list, "spec", "params")
}

// kindOf returns the declared type of a param, or an empty type if declared is nil. It returns an error for a name that is
// not declared, because the run would ignore the value.
func kindOf(name string, declared []v1.ParamSpec) (v1.ValueType, error) {
	if declared == nil {
		return "", nil
	}
	var names []string
	for _, d := range declared {
		if d.Name != name {
			names = append(names, d.Name)
			continue
		}
		switch {
		case d.Type != "":
			return d.Type, nil
		case d.Default != nil && d.Default.Type != "":
			return d.Default.Type, nil
		case len(d.Properties) > 0:
			return v1.TypeObject, nil
		default:
			return v1.TypeString, nil
		}
	}
	hint := "it declares none"
	if len(names) > 0 {
		hint = "it declares " + strings.Join(names, ", ")
	}
	if near := runs.Near(name, names); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, ", ") + "?"
	}
	return "", clierror.New(fmt.Sprintf("cannot set param %q: the Task or Pipeline does not declare it", name), hint)
}

// put replaces the element with this name, or appends it.
func put(list []any, name string, element map[string]any) []any {
	for i, e := range list {
		if m, ok := e.(map[string]any); ok && m["name"] == name {
			list[i] = element
			return list
		}
	}
	return append(list, element)
}
