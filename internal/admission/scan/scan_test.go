package scan

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// walk returns the names of the members of an object, or "" for each element of a list, and the index after the value.
func walk(b []byte) (names []string, end int) {
	i := Blanks(b, 0)
	object := b[i] == '{'
	for i++; ; {
		at, more := Next(b, i)
		if !more {
			return names, at
		}
		name := ""
		if object {
			var key []byte
			key, at = Key(b, at)
			name = string(key)
		}
		names = append(names, name)
		i, _ = Skip(b, at)
	}
}

// TestNext: each member and each element is found once, whatever white space is around it, and the end is found.
func TestNext(t *testing.T) {
	cases := map[string]struct {
		json string
		want []string
		rest string
	}{
		"EmptyObject": {
			json: `{}`,
		},
		"EmptyListWithBlanks": {
			json: ` [ ] `,
			rest: " ",
		},
		"Members": {
			json: `{"a":1,"b":{"c":[2,3]},"d":"}"},`,
			want: []string{"a", "b", "d"},
			rest: ",",
		},
		"MembersWithBlanks": {
			json: "{ \"a\" : 1 ,\n\t\"b\" : [ ] } ]",
			want: []string{"a", "b"},
			rest: " ]",
		},
		"EscapedName": {
			json: `{"\u0061\"":null}`,
			want: []string{`a"`},
		},
		"Elements": {
			json: `[1, "two", [3], {"four":4}, null]`,
			want: []string{"", "", "", "", ""},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, end := walk([]byte(tc.json))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if rest := tc.json[end:]; rest != tc.rest {
				t.Errorf("want %q after the value, got %q", tc.rest, rest)
			}
		})
	}
}

// FuzzNext: in any valid object or list, as many elements are found as a decoder finds, and the scan ends behind the last bracket.
func FuzzNext(f *testing.F) {
	for _, text := range []string{`{"a":[1,2,{"b":"\\\""}],"c":{}}`, `[[],[ ],{}, "]" ,1e5]`, `{"x" : -0.1 , "" : "," }`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var list []json.RawMessage
		var object map[string]json.RawMessage
		i := Blanks(raw, 0)
		if !json.Valid(raw) || !utf8.Valid(raw) || raw[i] != '{' && raw[i] != '[' {
			return // the scan is for valid objects and lists; the decoder replaces bytes that are not UTF-8
		}
		if json.Unmarshal(raw, &list) != nil && json.Unmarshal(raw, &object) != nil {
			t.Fatal("want valid JSON decoded")
		}
		names, end := walk(raw)
		if Blanks(raw, end) != len(raw) {
			t.Errorf("the scan ends at %d of %d", end, len(raw))
		}
		distinct := map[string]bool{}
		for _, name := range names {
			distinct[name] = true
		}
		if raw[i] == '[' && len(names) != len(list) || raw[i] == '{' && len(distinct) != len(object) {
			t.Errorf("want %d elements or %d members, got %q", len(list), len(object), names)
		}
	})
}
