package convert

import "strconv"

// rule says how the objects at one place differ between v1beta1 and v1. All names are those of v1beta1, unless a comment says
// otherwise.
type rule struct {
	// renamed has the names of fields in v1beta1 and in v1.
	renamed [][2]string
	// removed are the fields that v1 does not have.
	removed []string
	// moves change what names cannot express.
	moves []move
	// in and each are the rules for the objects in fields, and in lists.
	in, each []inner
}

// inner is the rule for the objects in a field. It is a function, because the tasks of pipelines can have pipelines.
type inner struct {
	field string
	rule  func() rule
}

// move changes an object, and has the way back. Both may use kept, the part of the annotations that is for this object.
type move struct {
	up, down func(o, kept map[string]any)
}

// up converts an object to v1. It returns what v1 has no field for: a tree of the fields of v1beta1, in which the elements of a list
// are fields with their index as the name. It is empty if there is nothing to keep.
func (r rule) up(o map[string]any) map[string]any {
	kept := map[string]any{}
	for _, field := range r.removed {
		take(o, field, kept, field)
	}
	for _, m := range r.moves {
		m.up(o, kept)
	}
	for _, in := range r.in {
		if object, ok := o[in.field].(map[string]any); ok {
			put(kept, in.field, in.rule().up(object))
		}
	}
	for _, each := range r.each {
		list, _ := o[each.field].([]any)
		elements := map[string]any{}
		for i, one := range list {
			if object, ok := one.(map[string]any); ok {
				put(elements, strconv.Itoa(i), each.rule().up(object))
			}
		}
		put(kept, each.field, elements)
	}
	for _, names := range r.renamed {
		swap(o, names[0], names[1])
	}
	return kept
}

// down converts an object to v1beta1. It takes from kept what belongs into the object. What remains in kept has no place any more.
func (r rule) down(o, kept map[string]any) {
	for _, names := range r.renamed {
		swap(o, names[0], names[1])
	}
	for _, in := range r.in {
		if object, ok := o[in.field].(map[string]any); ok {
			within(kept, in.field, func(kept map[string]any) { in.rule().down(object, kept) })
		}
	}
	for _, each := range r.each {
		list, _ := o[each.field].([]any)
		within(kept, each.field, func(kept map[string]any) {
			for i, one := range list {
				if object, ok := one.(map[string]any); ok {
					within(kept, strconv.Itoa(i), func(kept map[string]any) { each.rule().down(object, kept) })
				}
			}
		})
	}
	for i := range r.moves {
		r.moves[len(r.moves)-1-i].down(o, kept)
	}
	for _, field := range r.removed {
		if _, taken := o[field]; !taken {
			take(kept, field, o, field)
		}
	}
}

// within calls use with the part of a tree that is for a field, and removes the part once it is empty. An annotation can have any
// other value there: it stays.
func within(kept map[string]any, field string, use func(map[string]any)) {
	part, ok := kept[field].(map[string]any)
	if !ok {
		use(map[string]any{})
		return
	}
	use(part)
	if len(part) == 0 {
		delete(kept, field)
	}
}

// put adds a part to a tree, unless it is empty.
func put(kept map[string]any, field string, part map[string]any) {
	if len(part) > 0 {
		kept[field] = part
	}
}

// take moves a value between two objects. It reports whether there was one.
func take(from map[string]any, field string, to map[string]any, as string) bool {
	value, ok := from[field]
	if ok {
		to[as] = value
		delete(from, field)
	}
	return ok
}

// swap exchanges two fields. A version that has one of the names does not know the other one: a field with that name is kept under
// the name that the other version does not know either.
func swap(o map[string]any, a, b string) {
	first, hasFirst := o[a]
	second, hasSecond := o[b]
	delete(o, a)
	delete(o, b)
	if hasFirst {
		o[b] = first
	}
	if hasSecond {
		o[a] = second
	}
}
