package convert

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// resolverBundles is the resolver that replaced the field bundle.
const resolverBundles = "bundles"

// bundle moves the bundle of a reference into params of the resolver that replaced it. The reference keeps its meaning. The kept tree
// has the original reference. kind is that of the object if the reference has none.
func bundle(kind string) move {
	return move{
		up: func(o, kept map[string]any) {
			if _, has := o[fieldBundle]; !has {
				return
			}
			original := maps.Clone(o)
			resolved := resolverOf(original, kind)
			if resolved == nil { // it is no valid reference: the rules of v1 name what is missing
				take(o, fieldBundle, kept, fieldBundle)
				return
			}
			kept[fieldBundle] = original
			clear(o)
			maps.Copy(o, resolved)
		},
		down: func(o, kept map[string]any) {
			original, moved := kept[fieldBundle].(map[string]any)
			if !moved {
				if _, taken := o[fieldBundle]; !taken {
					take(kept, fieldBundle, o, fieldBundle)
				}
				return
			}
			if reflect.DeepEqual(o, resolverOf(original, kind)) {
				delete(kept, fieldBundle)
				clear(o)
				maps.Copy(o, original)
			}
		},
	}
}

// resolverOf returns the reference of v1 for a reference with a bundle, or nil if it is not valid.
func resolverOf(reference map[string]any, kind string) map[string]any {
	image, name := textOf(reference, fieldBundle), textOf(reference, fieldName)
	if image == "" || name == "" {
		return nil
	}
	for field, value := range reference {
		text, isText := value.(string)
		switch {
		case !isText:
			return nil
		case field == fieldKind && text != "":
			kind = strings.ToLower(text)
		case field != fieldBundle && field != fieldName && field != fieldKind && field != fieldAPIVersion:
			return nil
		}
	}
	param := func(name, value string) any { return map[string]any{fieldName: name, "value": value} }
	return map[string]any{
		fieldResolver: resolverBundles,
		fieldParams:   []any{param(fieldBundle, image), param(fieldName, name), param(fieldKind, kind)},
	}
}

// template moves a field of a PipelineRun between its spec and its taskRunTemplate. If both exist it exchanges them, because each
// version knows only one of the two.
func template(field string) move {
	exchange := func(o, _ map[string]any) {
		inside, isObject := o[fieldTemplate].(map[string]any)
		if _, exists := o[fieldTemplate]; exists && !isObject {
			return // the rules of v1 name the wrong type
		}
		outer, hasOuter := o[field]
		inner, hasInner := inside[field]
		if !hasOuter && !hasInner {
			return
		}
		delete(o, field)
		delete(inside, field)
		if hasInner {
			o[field] = inner
		}
		if inside == nil {
			inside = map[string]any{}
		}
		if hasOuter {
			inside[field] = outer
		}
		o[fieldTemplate] = inside
		if len(inside) == 0 {
			delete(o, fieldTemplate)
		}
	}
	return move{up: exchange, down: exchange}
}

// timeout moves the timeout of a PipelineRun to timeouts.pipeline. Under timeouts the kept tree has the original value.
func timeout() move {
	moved := func(value any) any { return map[string]any{"pipeline": value} }
	return move{
		up: func(o, kept map[string]any) {
			if _, both := o[fieldTimeouts]; both {
				take(o, fieldTimeout, kept, fieldTimeout)
				return
			}
			if take(o, fieldTimeout, kept, fieldTimeouts) {
				o[fieldTimeouts] = moved(kept[fieldTimeouts])
			}
		},
		down: func(o, kept map[string]any) {
			if _, taken := o[fieldTimeout]; taken {
				return
			}
			if original, was := kept[fieldTimeouts]; was && reflect.DeepEqual(o[fieldTimeouts], moved(original)) {
				delete(o, fieldTimeouts)
				take(kept, fieldTimeouts, o, fieldTimeout)
				return
			}
			take(kept, fieldTimeout, o, fieldTimeout)
		},
	}
}

// source moves the source of a definition to the field that replaced it. If v1beta1 has both, it keeps the older one. Under the new
// name the kept tree has a value that was moved.
func source() move {
	return move{
		up: func(o, kept map[string]any) {
			if _, both := o[fieldRefSource]; both {
				take(o, fieldConfigSource, kept, fieldConfigSource)
				return
			}
			if take(o, fieldConfigSource, kept, fieldRefSource) {
				o[fieldRefSource] = kept[fieldRefSource]
			}
		},
		down: func(o, kept map[string]any) {
			if _, taken := o[fieldConfigSource]; taken {
				return
			}
			if original, was := kept[fieldRefSource]; was && reflect.DeepEqual(o[fieldRefSource], original) {
				delete(o, fieldRefSource)
				take(kept, fieldRefSource, o, fieldConfigSource)
				return
			}
			take(kept, fieldConfigSource, o, fieldConfigSource)
		},
	}
}

// children keeps the copies of the runs of tasks that the status of a PipelineRun once had, and adds the references that replaced
// them, unless the status has references.
func children() move {
	return move{
		up: func(o, kept map[string]any) {
			take(o, fieldTaskRuns, kept, fieldTaskRuns)
			take(o, fieldRuns, kept, fieldRuns)
			references := referencesTo(kept)
			if _, has := o[fieldChildren]; has || len(references) == 0 {
				return
			}
			o[fieldChildren] = references
			kept[fieldChildren] = true
		},
		down: func(o, kept map[string]any) {
			if made, _ := kept[fieldChildren].(bool); made && reflect.DeepEqual(o[fieldChildren], any(referencesTo(kept))) {
				delete(kept, fieldChildren)
				delete(o, fieldChildren)
			}
			for _, field := range []string{fieldTaskRuns, fieldRuns} {
				if _, taken := o[field]; !taken {
					take(kept, field, o, field)
				}
			}
		},
	}
}

// referencesTo returns references to the runs in the copies of a kept tree, ordered by kind and name.
func referencesTo(kept map[string]any) []any {
	var references []any
	for _, of := range []struct{ field, apiVersion, kind string }{
		{fieldTaskRuns, v1.GroupVersion.String(), v1.KindTaskRun},
		{fieldRuns, V1beta1, "CustomRun"},
	} {
		runs, _ := kept[of.field].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(runs)) {
			reference := map[string]any{fieldAPIVersion: of.apiVersion, fieldKind: of.kind, fieldName: name}
			run, _ := runs[name].(map[string]any)
			for _, field := range []string{"pipelineTaskName", "whenExpressions"} {
				if value, has := run[field]; has {
					reference[field] = value
				}
			}
			references = append(references, reference)
		}
	}
	return references
}
