package rule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoadRefuses: a rule that would find nothing is refused.
func TestLoadRefuses(t *testing.T) {
	cases := map[string]struct {
		rule string
		want string
	}{
		"UnknownField": {
			rule: "extends: existence\nlevel: error\nmessage: m\ntoken: [a]\n",
			want: "cannot decode it",
		},
		"Level": {
			rule: "extends: existence\nlevel: suggestion\nmessage: m\ntokens: [a]\n",
			want: `level is "suggestion", not "error" or "warning"`,
		},
		"Message": {
			rule: "extends: existence\nlevel: error\ntokens: [a]\n",
			want: "message is missing",
		},
		"Kind": {
			rule: "extends: spelling\nlevel: error\nmessage: m\ntokens: [a]\n",
			want: `extends is "spelling"`,
		},
		"NoPhrase": {
			rule: "extends: substitution\nlevel: error\nmessage: m\n",
			want: "it has no phrases",
		},
		"Phrase": {
			rule: "extends: existence\nlevel: error\nmessage: m\ntokens: ['(']\n",
			want: `cannot compile phrase "("`,
		},
		"Sentence": {
			rule: "extends: occurrence\nlevel: error\nmessage: m\nscope: text\nmax: 3\n",
			want: `scope is "text" and max is 3`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, "A.yml"), []byte(tc.rule), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(folder); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Load(): got %v, want %q", err, tc.want)
			}
		})
	}
}
