package partial

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// linkField is where a mark is. A patch has it if it was made from a marked object.
const linkField = "metadata.selfLink"

// CheckPatch returns an *Error if a patch of an object replaces what a cache does not keep of it, because the new value then comes
// from a shortened one. Patches of the other fields are safe, and so are patches of single annotations and labels.
func CheckPatch(o metav1.Object, kind types.PatchType, data []byte) error {
	mark := Of(o)
	if mark == "" && !bytes.Contains(data, []byte(`"selfLink"`)) {
		return nil
	}
	changes, dropped := changesOf(kind, data), append(mark.Dropped(), linkField)
	lost := slices.DeleteFunc(dropped, func(part string) bool {
		return !slices.ContainsFunc(changes, func(c change) bool { return c.replaces(part) })
	})
	if len(lost) == 0 {
		return nil
	}
	return refusal("patch", o, lost)
}

// change is what a patch changes: a field of a section such as "status", the whole section if there is no field, and the whole
// object if there is no section.
type change struct {
	section, field string
	// keys reports that single keys of the field change, and the others stay.
	keys bool
}

// replaces reports whether the change sets a part, as in Dropped.
func (c change) replaces(part string) bool {
	section, field, _ := strings.Cut(part, ".")
	switch {
	case c.section == "":
		return true
	case section != c.section:
		return false
	case section == "metadata" && (c.field == "annotations" || c.field == "labels") && c.keys:
		return false
	default:
		return c.field == "" || field == "" || field == c.field
	}
}

// changesOf returns what a patch changes. A patch that it cannot read counts as a change of everything. So does server-side apply,
// which removes the fields that are left out.
func changesOf(kind types.PatchType, data []byte) []change {
	everything := []change{{}}
	var all []change
	switch kind {
	case types.JSONPatchType:
		var operations []operation
		if json.Unmarshal(data, &operations) != nil {
			return everything
		}
		for _, o := range operations {
			all = append(all, o.changes()...)
		}
	case types.MergePatchType, types.StrategicMergePatchType:
		var sections map[string]json.RawMessage
		if json.Unmarshal(data, &sections) != nil {
			return everything
		}
		for name, value := range sections {
			all = append(all, changesIn(name, value)...)
		}
	default:
		return everything
	}
	return all
}

// operation is an element of a JSON patch, without its value.
type operation struct {
	Op   string `json:"op"`
	Path string `json:"path"`
	From string `json:"from"`
}

func (o operation) changes() []change {
	switch o.Op {
	case "test":
		return nil
	case "move":
		return []change{changeAt(o.Path), changeAt(o.From)}
	default:
		return []change{changeAt(o.Path)}
	}
}

// changeAt returns what an operation at a JSON pointer changes.
func changeAt(pointer string) change {
	path := append(strings.SplitN(strings.TrimPrefix(pointer, "/"), "/", 3), "")
	return change{section: path[0], field: path[1], keys: len(path) > 3}
}

// changesIn returns what the value of a section in a merge patch changes. A directive of a strategic merge patch, whose key begins
// with "$", can concern each of its siblings.
func changesIn(section string, value json.RawMessage) []change {
	if strings.HasPrefix(section, "$") {
		return []change{{}}
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(value, &fields) != nil || fields == nil {
		return []change{{section: section}}
	}
	var all []change
	for name, inner := range fields {
		if strings.HasPrefix(name, "$") {
			return []change{{section: section}}
		}
		keys := bytes.HasPrefix(bytes.TrimSpace(inner), []byte("{")) && !bytes.Contains(inner, []byte(`"$`))
		all = append(all, change{section: section, field: name, keys: keys})
	}
	return all
}
