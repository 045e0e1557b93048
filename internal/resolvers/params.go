package resolvers

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/spelling"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// ParamCache is the param that every resolver has: whether its answer may come from the cache.
const ParamCache = "cache"

const (
	// maxParam is the maximum length in bytes of one param. The longest useful one is a URL.
	maxParam = 8 << 10
	// maxParams is the maximum number of params of a request.
	maxParams = 64
	// maxShown is the maximum number of bytes of a value in a message.
	maxShown = 200
)

// Params are the params of a request, by name.
type Params struct{ byName map[string]v1.Value }

// NewParams returns the params of a list. The error is an *Error: there are too many of them, one occurs twice, or is too
// long.
func NewParams(list []v1.Param) (Params, error) {
	if len(list) > maxParams {
		return Params{}, Invalid("cannot use %d params: the limit is %d", len(list), maxParams)
	}
	p := Params{byName: make(map[string]v1.Value, len(list))}
	for i := range list {
		name, value := list[i].Name, list[i].Value
		if _, twice := p.byName[name]; twice {
			return Params{}, Invalid("cannot use param %s: it is given twice", shown(name))
		}
		if size := sizeOf(value); size > maxParam {
			return Params{}, Invalid("cannot use param %s: it has %d bytes, more than the limit of %d", shown(name), size, maxParam)
		}
		p.byName[name] = value
	}
	return p, nil
}

func sizeOf(value v1.Value) int {
	size := len(value.String)
	for _, element := range value.Array {
		size += len(element)
	}
	for key, element := range value.Object {
		size += len(key) + len(element)
	}
	return size
}

// Unknown names the first param that is none of the given ones and not ParamCache, for a message. It returns "" without one.
// Such a param has no effect, as in Tekton, and alone does not make a request fail.
func (p Params) Unknown(names []string) string {
	known := append(slices.Clone(names), ParamCache)
	for _, name := range slices.Sorted(maps.Keys(p.byName)) {
		if slices.Contains(known, name) {
			continue
		}
		if near := spelling.Nearest(name, known); near != "" {
			return fmt.Sprintf("param %s has no effect: this resolver does not have it; did you mean %q?", shown(name), near)
		}
		return fmt.Sprintf("param %s has no effect: this resolver does not have it; it has: %s", shown(name), strings.Join(known, ", "))
	}
	return ""
}

// Has reports whether a param is given and not empty.
func (p Params) Has(name string) bool {
	value, ok := p.byName[name]
	return ok && (value.Type != v1.TypeString || value.String != "")
}

// String returns a param of type string, or "" without it.
func (p Params) String(name string) (string, error) {
	value, ok := p.byName[name]
	if !ok {
		return "", nil
	}
	if value.Type != v1.TypeString && value.Type != "" {
		return "", Invalid("cannot use param %q: it has type %s, want string", name, value.Type)
	}
	return value.String, nil
}

// StringOr returns a param of type string, or otherwise if the param is missing or empty.
func (p Params) StringOr(name, otherwise string) (string, error) {
	value, err := p.String(name)
	return cmp.Or(value, otherwise), err
}

// Required returns a param of type string that must not be empty.
func (p Params) Required(name string) (string, error) {
	value, err := p.String(name)
	if err == nil && value == "" {
		err = Invalid("cannot find param %q: give it a value", name)
	}
	return value, err
}

// OneOf returns a param with one of the given values, or otherwise if the param is missing or empty. Otherwise may be a
// setting, so it is checked as well.
func (p Params) OneOf(name, otherwise string, values ...string) (string, error) {
	value, err := p.StringOr(name, otherwise)
	if err == nil && !slices.Contains(values, value) {
		err = Invalid("cannot use param %q: it is %s, want one of %s", name, shown(value), strings.Join(values, ", "))
	}
	return value, err
}

// Cache returns the param "cache", or otherwise, which is a setting or empty, without it.
func (p Params) Cache(otherwise string) (CacheMode, error) {
	mode, err := p.OneOf(ParamCache, cmp.Or(otherwise, string(CacheAuto)), string(CacheAuto), string(CacheAlways), string(CacheNever))
	return CacheMode(mode), err
}

// shown returns a user's text for a message.
func shown(text string) string { return strconv.Quote(truncate.Text(text, maxShown)) }
