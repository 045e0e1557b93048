package metrics

import (
	"slices"
	"strings"
)

const (
	// mostSets is how many label sets a metric has at most, apart from those with nameOther for all names. A histogram has about
	// 17 series for each.
	mostSets = 1000
	// mostSetsOfNamespace is how many of them are of one namespace, so that a namespace with very many names does not take the
	// room of the others.
	mostSetsOfNamespace = 100
	// nameOther stands for names for which there is no room.
	nameOther = "other"
)

// bound limits the label sets of a metric. It is not safe for concurrent use.
type bound struct {
	// names are the positions of the labels with names of users' objects, and namespace is one of them; -1 without it.
	names     []int
	namespace int
	// newest keeps the newest sets and forgets the oldest; otherwise the first sets stay.
	newest bool

	known  map[string]struct{}
	of     map[string]int // sets of each namespace
	order  [][]string     // only for newest
	warned bool
}

func newBound(labels []string, newest bool) *bound {
	b := &bound{namespace: slices.Index(labels, labelNamespace), newest: newest, known: map[string]struct{}{}, of: map[string]int{}}
	for i, label := range labels {
		if label != labelStatus && label != labelReason {
			b.names = append(b.names, i)
		}
	}
	return b
}

// fitting is the label set for an observation.
type fitting struct {
	values []string
	// merged reports that some of the values are nameOther.
	merged bool
	// forget is the label set whose series must be deleted; nil for none.
	forget []string
}

// fit returns the label set to use for these values: the set itself, or if there is no room for it, the one of its namespace, or
// the one of all namespaces.
func (b *bound) fit(values []string) fitting {
	key := keyOf(values)
	if _, ok := b.known[key]; ok || len(b.names) == 0 {
		return fitting{values: values}
	}
	if b.newest {
		return b.replaceOldest(key, values)
	}
	if namespace := b.namespaceOf(values); len(b.known) < mostSets && b.of[namespace] < mostSetsOfNamespace {
		b.known[key] = struct{}{}
		b.of[namespace]++
		return fitting{values: values}
	}
	inNamespace := b.without(values, b.namespace)
	if key = keyOf(inNamespace); b.namespace >= 0 {
		if _, ok := b.known[key]; ok {
			return fitting{values: inNamespace, merged: true}
		}
		if len(b.known) < mostSets {
			b.known[key] = struct{}{}
			return fitting{values: inNamespace, merged: true}
		}
	}
	return fitting{values: b.without(values, -1), merged: true}
}

// replaceOldest adds a set. If there is no room, it forgets the oldest one.
func (b *bound) replaceOldest(key string, values []string) fitting {
	fit := fitting{values: values}
	if len(b.order) == mostSets {
		fit.forget = b.order[0]
		delete(b.known, keyOf(fit.forget))
		b.order = b.order[1:]
	}
	b.known[key] = struct{}{}
	b.order = append(b.order, slices.Clone(values))
	return fit
}

// without returns the values with nameOther for all names except that at the position keep.
func (b *bound) without(values []string, keep int) []string {
	copied := slices.Clone(values)
	for _, i := range b.names {
		if i != keep {
			copied[i] = nameOther
		}
	}
	return copied
}

func (b *bound) namespaceOf(values []string) string {
	if b.namespace < 0 {
		return ""
	}
	return values[b.namespace]
}

// warn reports whether it is called for the first time.
func (b *bound) warn() bool {
	first := !b.warned
	b.warned = true
	return first
}

// separator separates the values in a key. No value has it.
const separator = "\x00"

// keyOf joins values to a key.
func keyOf(values []string) string { return strings.Join(values, separator) }
