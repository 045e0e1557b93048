// Package rule finds phrases that the project does not use. A rule is a file of YAML in a subset of the format of Vale
// (https://vale.sh): "existence" lists phrases, "substitution" maps phrases to what to write instead, and "occurrence"
// limits the number of words of a sentence.
package rule

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// The levels of a rule. Only findings of errors fail a run.
const (
	Error   = "error"
	Warning = "warning"
)

// file is what a file of a rule may hold.
type file struct {
	// Extends is the kind of the rule.
	Extends string `json:"extends"`
	// Message is what a finding says. In "existence" %s is the phrase; in "substitution" the first %s is what to write
	// instead and the second the phrase; in "occurrence" %s is the number of words.
	Message string `json:"message"`
	Level   string `json:"level"`
	// Ignorecase makes upper case equal to lower case.
	Ignorecase bool `json:"ignorecase"`
	// Tokens and the keys of Swap are regular expressions for whole words. A space matches any white space.
	Tokens []string          `json:"tokens"`
	Swap   map[string]string `json:"swap"`
	// Exceptions are words, in lower case, that a phrase may match.
	Exceptions []string `json:"exceptions"`
	// Scope, Token and Max are for "occurrence": a sentence may have Max matches of Token.
	Scope string `json:"scope"`
	Token string `json:"token"`
	Max   int    `json:"max"`
}

// Rule is one rule, ready to be used.
type Rule struct {
	// Name is the name of its file without the ending.
	Name string
	// Level is Error or Warning.
	Level string
	// Phrases are the regular expressions of the rule, sorted. An "occurrence" has none.
	Phrases []string

	message string
	all     *regexp.Regexp
	swaps   []swap
	except  map[string]bool
	limit   int
}

// swap is one phrase and what to write instead, which is empty in an "existence".
type swap struct {
	phrase *regexp.Regexp
	write  string
}

// Load reads all rules of a folder, sorted by name. It fails for a file that is not a rule, and for a folder without rules.
func Load(folder string) ([]Rule, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.yml"))
	if err != nil {
		return nil, fmt.Errorf("cannot list rules: %w", err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("cannot find a rule: no *.yml in folder %q", folder)
	}
	rules := make([]Rule, 0, len(paths))
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("cannot read rule: %w", err)
		}
		loaded, err := parse(strings.TrimSuffix(filepath.Base(path), ".yml"), data)
		if err != nil {
			return nil, fmt.Errorf("cannot use rule %q: %w", path, err)
		}
		rules = append(rules, loaded)
	}
	return rules, nil
}

func parse(name string, data []byte) (Rule, error) {
	var f file
	if err := yaml.UnmarshalStrict(data, &f); err != nil {
		return Rule{}, fmt.Errorf("cannot decode it: %w", err)
	}
	if f.Level != Error && f.Level != Warning {
		return Rule{}, fmt.Errorf("level is %q, not %q or %q", f.Level, Error, Warning)
	}
	if f.Message == "" {
		return Rule{}, fmt.Errorf("message is missing")
	}
	r := Rule{Name: name, Level: f.Level, message: f.Message, except: map[string]bool{}}
	for _, word := range f.Exceptions {
		r.except[word] = true
	}
	switch f.Extends {
	case "existence":
		return r, r.phrases(f.Ignorecase, f.Tokens, nil)
	case "substitution":
		return r, r.phrases(f.Ignorecase, keys(f.Swap), f.Swap)
	case "occurrence":
		return r, r.occurrence(f)
	}
	return Rule{}, fmt.Errorf("extends is %q, not existence, substitution or occurrence", f.Extends)
}

func keys(m map[string]string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	return names
}

func (r *Rule) phrases(ignoreCase bool, phrases []string, writes map[string]string) error {
	if len(phrases) == 0 {
		return fmt.Errorf("it has no phrases")
	}
	slices.Sort(phrases)
	flags := ""
	if ignoreCase {
		flags = "(?i)"
	}
	spaced := make([]string, 0, len(phrases))
	for _, phrase := range phrases {
		expression := strings.ReplaceAll(phrase, " ", `\s+`)
		compiled, err := regexp.Compile(flags + "^(?:" + expression + ")$")
		if err != nil {
			return fmt.Errorf("cannot compile phrase %q: %w", phrase, err)
		}
		spaced = append(spaced, expression)
		r.swaps = append(r.swaps, swap{phrase: compiled, write: writes[phrase]})
	}
	r.Phrases = phrases
	r.all = regexp.MustCompile(flags + `\b(?:` + strings.Join(spaced, "|") + `)\b`)
	r.all.Longest()
	return nil
}

func (r *Rule) occurrence(f file) error {
	if f.Scope != "sentence" || f.Max <= 0 {
		return fmt.Errorf("scope is %q and max is %d: an occurrence needs scope \"sentence\" and a max above 0", f.Scope, f.Max)
	}
	compiled, err := regexp.Compile(f.Token)
	if err != nil {
		return fmt.Errorf("cannot compile token %q: %w", f.Token, err)
	}
	r.all, r.limit = compiled, f.Max
	return nil
}
