package rule

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Finding is a place at which a text breaks a rule.
type Finding struct {
	// Offset is the byte of the text at which it begins.
	Offset int
	// Message says what to write instead.
	Message string
	// Phrase is the regular expression of the rule that matched. It is empty for an "occurrence".
	Phrase string
}

// Find returns where a text breaks the rule, in order.
func (r *Rule) Find(text string) []Finding {
	if r.limit > 0 {
		return r.long(text)
	}
	var findings []Finding
	for _, at := range r.all.FindAllStringIndex(text, -1) {
		if phrase := text[at[0]:at[1]]; !r.except[strings.ToLower(phrase)] {
			findings = append(findings, r.finding(at[0], phrase))
		}
	}
	return findings
}

func (r *Rule) finding(offset int, phrase string) Finding {
	shown := strings.Join(strings.Fields(phrase), " ")
	for i, s := range r.swaps {
		if !s.phrase.MatchString(phrase) {
			continue
		}
		message := strings.ReplaceAll(r.message, "%s", shown)
		if s.write != "" {
			message = fmt.Sprintf(r.message, s.write, shown)
		}
		return Finding{Offset: offset, Message: message, Phrase: r.Phrases[i]}
	}
	return Finding{Offset: offset, Message: strings.ReplaceAll(r.message, "%s", shown)}
}

// end is what ends a sentence: a mark before white space, an empty line, or the next item, cell, row or heading.
var end = regexp.MustCompile(`[.:?!]["')*_]*\s+|\n[ \t]*\n|\n[ \t]*(?:[-*#>|]|\d+\.)|\|`)

// long returns the sentences with too many words.
func (r *Rule) long(text string) []Finding {
	var findings []Finding
	begin := 0
	for _, at := range append(end.FindAllStringIndex(text, -1), []int{len(text), len(text)}) {
		words := len(r.all.FindAllStringIndex(text[begin:at[0]], -1))
		if words > r.limit {
			blank := len(text[begin:at[0]]) - len(strings.TrimLeft(text[begin:at[0]], " \t\n"))
			findings = append(findings, Finding{
				Offset:  begin + blank,
				Message: strings.ReplaceAll(r.message, "%s", strconv.Itoa(words)),
			})
		}
		begin = at[1]
	}
	return findings
}
