package substitute

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Bindings returns a copy of the workspaces that a run binds, with their variables substituted: the folder, and the names
// of what the volume is made of. The error is an *UnresolvedError or a *TooLongError.
func Bindings(path *field.Path, bound []v1.WorkspaceBinding, vars Variables) ([]v1.WorkspaceBinding, error) {
	out := make([]v1.WorkspaceBinding, len(bound))
	for i := range bound {
		bound[i].DeepCopyInto(&out[i])
	}
	s := taskSubstitution{vars: vars}
	variables.VisitBindings(out, path, &s)
	return out, s.err
}

// BindingWithResults returns a copy of a workspace that a run binds, with its variables and the results of tasks substituted. The
// error is an *UnresolvedError, a *MissingResultError or a *TooLongError.
func BindingWithResults(path *field.Path, bound *v1.WorkspaceBinding, vars Variables, tasks Tasks) (*v1.WorkspaceBinding, error) {
	out := []v1.WorkspaceBinding{*bound.DeepCopy()}
	p := &pipelineSubstitution{vars: vars, tasks: tasks}
	variables.VisitBindings(out, path, (*bindingSubstitution)(p))
	return &out[0], p.err
}

// bindingSubstitution is a pipelineSubstitution that visits the texts of a binding.
type bindingSubstitution pipelineSubstitution

// VisitText substitutes in one text.
func (b *bindingSubstitution) VisitText(path *field.Path, _ variables.TextKind, text *string) {
	(*pipelineSubstitution)(b).VisitText(path, text)
}

// VisitList substitutes in each text of a list.
func (b *bindingSubstitution) VisitList(path *field.Path, list *[]string) {
	(*pipelineSubstitution)(b).VisitElements(path, list)
}

// PodTemplate returns a copy of a pod template with the variables in all its texts substituted; params come before those of
// the same name in vars. Values of env keep the meaning that Kubernetes gives to what the author wrote, as in TaskSpec. The
// error is an *UnresolvedError or a *TooLongError.
func PodTemplate(path *field.Path, template *v1.PodTemplate, vars Variables, params ...v1.Param) (*v1.PodTemplate, error) {
	encoded, err := json.Marshal(template)
	if err != nil {
		return nil, fmt.Errorf("cannot encode %s: %w", path, err)
	}
	if !bytes.Contains(encoded, []byte("$(")) {
		return template.DeepCopy(), nil
	}
	var tree any
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber() // numbers are users and groups: they must come out as they went in
	if err := decoder.Decode(&tree); err != nil {
		return nil, fmt.Errorf("cannot decode %s: %w", path, err)
	}
	vars.above = make(map[string]v1.Value, len(params))
	for i := range params {
		vars.above[params[i].Name] = params[i].Value
	}
	s := taskSubstitution{vars: vars}
	tree = s.tree(path, variables.TextPlain, tree)
	if s.err != nil {
		return nil, s.err
	}
	if encoded, err = json.Marshal(tree); err != nil {
		return nil, fmt.Errorf("cannot encode %s: %w", path, err)
	}
	out := &v1.PodTemplate{}
	if err := json.Unmarshal(encoded, out); err != nil {
		return nil, fmt.Errorf("cannot use %s with its variables substituted: %w", path, err)
	}
	return out, nil
}

// tree substitutes in every text of a document, which it changes.
func (s *taskSubstitution) tree(path *field.Path, kind variables.TextKind, node any) any {
	switch node := node.(type) {
	case string:
		s.VisitText(path, kind, &node)
		return node
	case []any:
		for i := range node {
			node[i] = s.tree(path.Index(i), kind, node[i])
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(node)) {
			kind := kind
			if key == "env" {
				kind = variables.TextExpanded // names of variables have no "$", and take no harm
			}
			node[key] = s.tree(path.Child(key), kind, node[key])
		}
	}
	return node
}
