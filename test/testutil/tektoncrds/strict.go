package tektoncrds

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Unknown returns the paths of the fields of an object, encoded as JSON, that Tekton's types do not have, sorted. Its webhook
// decodes strictly, also the parts in which the schema keeps unknown fields.
func Unknown(kind, version string, object []byte) ([]string, error) {
	known, err := strict(kind, version)
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal(object, &value); err != nil {
		return nil, fmt.Errorf("cannot decode %s: %w", kind, err)
	}
	var unknown []string
	compare("", value, known, func(path string) { unknown = append(unknown, path) })
	slices.Sort(unknown)
	return unknown, nil
}

// Check returns an error if an object has fields that Tekton's types do not have. later are paths of fields that a later version
// has.
func Check(kind, version string, object []byte, later ...string) error {
	unknown, err := Unknown(kind, version, object)
	if err != nil {
		return err
	}
	unknown = slices.DeleteFunc(unknown, func(path string) bool { return slices.Contains(later, path) })
	if len(unknown) > 0 {
		return fmt.Errorf("%s %s of Tekton does not have the fields %s", kind, version, strings.Join(unknown, ", "))
	}
	return nil
}

func compare(path string, value any, known *Field, report func(string)) {
	switch typed := value.(type) {
	case map[string]any:
		for name, inner := range typed {
			switch {
			case known.Fields[name] != nil:
				compare(path+"."+name, inner, known.Fields[name], report)
			case known.Element != nil:
				compare(path+"{"+name+"}", inner, known.Element, report)
			case known.Keeps, len(known.Fields) == 0:
			default:
				report(path + "." + name)
			}
		}
	case []any:
		for i, inner := range typed {
			if known.Element != nil {
				compare(fmt.Sprintf("%s[%d]", path, i), inner, known.Element, report)
			}
		}
	default:
	}
}

// strict returns the fields of a kind, in which the parts that the schema leaves open have the fields of their types. Only
// the API version v1 has such parts that matter: others are returned as they are.
func strict(kind, version string) (*Field, error) {
	if version != "v1" {
		return Of(kind, version)
	}
	all, err := closed()
	if err != nil {
		return nil, err
	}
	if found, ok := all[kind]; ok {
		return found, nil
	}
	return Of(kind, version)
}

// closed returns the kinds whose schemas have open parts.
//
//nolint:gochecknoglobals // the embedded lists never change
var closed = sync.OnceValues(func() (map[string]*Field, error) {
	kinds := map[string]*Field{}
	for _, kind := range []string{"Task", "TaskRun", "Pipeline", "PipelineRun"} {
		found, err := Of(kind, "v1")
		if err != nil {
			return nil, err
		}
		kinds[kind] = found.copied()
	}
	task := kinds["Task"].Fields["spec"]
	task.Fields["volumes"] = kinds["TaskRun"].Fields["spec"].Fields["podTemplate"].Fields["volumes"]
	run := kinds["TaskRun"]
	run.Fields["spec"].Fields["taskSpec"] = task
	run.Fields["status"].Fields["taskSpec"] = task
	run.Fields["status"].Fields["retriesStatus"] = &Field{Type: "array", Element: run.Fields["status"]}

	pipeline := kinds["Pipeline"].Fields["spec"]
	embedded := &Field{Type: typeObject, Fields: maps.Clone(task.Fields)}
	embedded.Fields["apiVersion"] = &Field{Type: "string"}
	embedded.Fields["kind"] = &Field{Type: "string"}
	embedded.Fields["spec"] = &Field{Type: "any", Keeps: true}
	embedded.Fields["metadata"] = &Field{Type: typeObject, Fields: map[string]*Field{
		"labels":      {Type: typeObject, Element: &Field{Type: "string"}},
		"annotations": {Type: typeObject, Element: &Field{Type: "string"}},
	}}
	for _, part := range []string{"tasks", "finally"} {
		element := pipeline.Fields[part].Element
		element.Fields["taskSpec"], element.Fields["pipelineSpec"] = embedded, pipeline
	}
	whole := kinds["PipelineRun"]
	whole.Fields["spec"].Fields["pipelineSpec"] = pipeline
	whole.Fields["status"].Fields["pipelineSpec"] = pipeline
	return kinds, nil
})

func (f *Field) copied() *Field {
	if f == nil {
		return nil
	}
	c := &Field{Type: f.Type, Keeps: f.Keeps, Element: f.Element.copied()}
	if f.Fields != nil {
		c.Fields = make(map[string]*Field, len(f.Fields))
		for name, inner := range f.Fields {
			c.Fields[name] = inner.copied()
		}
	}
	return c
}
