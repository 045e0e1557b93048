package resolvers

import (
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func param(name, value string) v1.Param { return v1.Param{Name: name, Value: v1.StringValue(value)} }

func TestParams(t *testing.T) {
	list := func(params ...v1.Param) []v1.Param { return params }
	cases := map[string]struct {
		reason string
		params []v1.Param
		// read reads the params as a resolver does.
		read func(Params) (string, error)
		want string
		// err is in the message of the error; empty: no error.
		err string
	}{
		"Required": {
			reason: "A required param has its value.",
			params: list(param("url", "https://example.com/task.yaml")),
			read:   func(p Params) (string, error) { return p.Required("url") },
			want:   "https://example.com/task.yaml",
		},
		"Missing": {
			reason: "A missing param is named.",
			read:   func(p Params) (string, error) { return p.Required("url") },
			err:    `cannot find param "url": give it a value`,
		},
		"Empty": {
			reason: "An empty param is a missing one.",
			params: list(param("url", "")),
			read:   func(p Params) (string, error) { return p.Required("url") },
			err:    `cannot find param "url": give it a value`,
		},
		"Mistyped": {
			reason: "A list is not joined in silence.",
			params: list(v1.Param{Name: "url", Value: v1.ArrayValue("a", "b")}),
			read:   func(p Params) (string, error) { return p.Required("url") },
			err:    `cannot use param "url": it has type array, want string`,
		},
		"Default": {
			reason: "A missing param has its default.",
			read:   func(p Params) (string, error) { return p.StringOr("kind", "task") },
			want:   "task",
		},
		"NotOneOf": {
			reason: "A word must be one of the known ones.",
			params: list(param("kind", "job")),
			read:   func(p Params) (string, error) { return p.OneOf("kind", "task", "task", "pipeline") },
			err:    `cannot use param "kind": it is "job", want one of task, pipeline`,
		},
		"Cache": {
			reason: "Without the param and without a setting the cache decides.",
			read:   func(p Params) (string, error) { mode, err := p.Cache(""); return string(mode), err },
			want:   "auto",
		},
		"CacheBySetting": {
			reason: "The param is stronger than the setting.",
			params: list(param("cache", "never")),
			read:   func(p Params) (string, error) { mode, err := p.Cache("always"); return string(mode), err },
			want:   "never",
		},
		"Unknown": {
			reason: "A typo is named, with the nearest param.",
			params: list(param("revison", "main")),
			read:   func(p Params) (string, error) { return p.Unknown([]string{"url", "revision"}), nil },
			want:   `param "revison" has no effect: this resolver does not have it; did you mean "revision"?`,
		},
		"CacheIsKnown": {
			reason: "Every resolver has the param cache.",
			params: list(param("cache", "auto")),
			read:   func(p Params) (string, error) { return p.Unknown([]string{"url"}), nil },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := NewParams(tc.params)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tc.read(p)
			if tc.err != "" {
				if err == nil || err.Error() != tc.err {
					t.Fatalf("%s\nwant error %q, got %v", tc.reason, tc.err, err)
				}
				return
			}
			if err != nil || got != tc.want {
				t.Errorf("%s\nwant %q, got %q, %v", tc.reason, tc.want, got, err)
			}
		})
	}
}

func TestParamsAreBounded(t *testing.T) {
	many := make([]v1.Param, maxParams+1)
	cases := map[string]struct {
		reason string
		params []v1.Param
		err    string
	}{
		"Many": {
			reason: "The number of params has a limit.",
			params: many,
			err:    "cannot use 65 params: the limit is 64",
		},
		"Long": {
			reason: "The length of a param has a limit, also that of a list.",
			params: []v1.Param{{Name: "url", Value: v1.ArrayValue(strings.Repeat("a", maxParam), "a")}},
			err:    `cannot use param "url": it has 8193 bytes, more than the limit of 8192`,
		},
		"Twice": {
			reason: "Neither of two values is chosen in silence.",
			params: []v1.Param{param("url", "a"), param("url", "b")},
			err:    `cannot use param "url": it is given twice`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := NewParams(tc.params)
			if err == nil || err.Error() != tc.err {
				t.Errorf("%s\nwant error %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}
