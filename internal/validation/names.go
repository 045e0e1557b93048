package validation

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// maxListed is how many names a message lists.
const maxListed = 20

// names are the names that a scope knows, with what each stands for, and those of an outer scope, which its own hide. It is
// built once per scope and asked for each reference. No name may be added to an outer scope after an inner one was made.
type names[V any] struct {
	outer *names[V]
	own   map[string]V
	list  list
}

// nameSet are names that stand for nothing else.
type nameSet = names[struct{}]

func newNames[V any](outer *names[V]) *names[V] {
	n := &names[V]{outer: outer}
	if outer != nil {
		n.list = list{first: outer.list.first, size: outer.list.size, shared: true}
	}
	return n
}

// setOf returns the names that a list of n elements has.
func setOf(n int, name func(i int) string) *nameSet {
	set := newNames[struct{}](nil)
	for i := range n {
		set.add(name(i), struct{}{})
	}
	return set
}

// add adds a name, in place of one of the same scope.
func (n *names[V]) add(name string, v V) {
	if n.own == nil {
		n.own = map[string]V{}
	}
	if !n.has(name) {
		n.list.add(name)
	}
	n.own[name] = v
}

// addFirst adds a name that the scope itself does not have yet.
func (n *names[V]) addFirst(name string, v V) {
	if _, ok := n.own[name]; !ok {
		n.add(name, v)
	}
}

func (n *names[V]) get(name string) (v V, ok bool) {
	for ; n != nil; n = n.outer {
		if v, ok = n.own[name]; ok {
			return v, true
		}
	}
	return v, false
}

func (n *names[V]) has(name string) bool {
	_, ok := n.get(name)
	return ok
}

// unknown says that there is no such name, or returns "" when there is.
func (n *names[V]) unknown(noun, name string) string {
	if n.has(name) {
		return ""
	}
	return n.list.unknown(noun, name)
}

// list is what messages say of a number of names: the first of them in order, and how many there are. It takes one
// comparison for most names, so that nothing has to be sorted for a message.
type list struct {
	first []string
	size  int
	// shared says that first is the memory of an outer scope's list.
	shared bool
	// text is what String returns, from its first call until another name is added: thousands of references can be wrong.
	text string
}

// listOf returns the list of names that are all different.
func listOf(names iter.Seq[string]) list {
	var l list
	for name := range names {
		l.add(name)
	}
	return l
}

func (l *list) add(name string) {
	l.size, l.text = l.size+1, ""
	if len(l.first) == maxListed && name >= l.first[maxListed-1] {
		return
	}
	if l.shared {
		l.first, l.shared = slices.Clone(l.first), false
	}
	at, _ := slices.BinarySearch(l.first, name)
	l.first = slices.Insert(l.first, at, name)
	l.first = l.first[:min(len(l.first), maxListed)]
}

func (l *list) unknown(noun, name string) string {
	return fmt.Sprintf("no %s %q; there are: %s", noun, shown(name), l)
}

// String returns the names for a message, or "none".
func (l *list) String() string {
	if l.text == "" {
		l.text = l.written()
	}
	return l.text
}

func (l *list) written() string {
	if l.size == 0 {
		return "none"
	}
	all := make([]string, len(l.first))
	for i, name := range l.first {
		all[i] = shown(name)
	}
	text := strings.Join(all, ", ")
	if l.size > len(all) {
		text += fmt.Sprintf(" and %d more", l.size-len(all))
	}
	return text
}
