package text

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

// directive is a comment that a program reads: //go:embed, //nolint:gosec, // +kubebuilder:validation:Enum=a.
var directive = regexp.MustCompile(`^//([a-z]+(:|$)|\s*\+[a-z])`)

// goFile returns the comments of Go code and its string literals of more than one word: messages and help of flags.
func goFile(data []byte) ([]Block, error) { return goCode(data, true) }

// goTest returns the comments of a Go test. Its strings are inputs and expectations.
func goTest(data []byte) ([]Block, error) { return goCode(data, false) }

func goCode(data []byte, literals bool) ([]Block, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("cannot parse Go code: %w", err)
	}
	if ast.IsGenerated(file) {
		return nil, nil
	}
	var blocks []Block
	for _, group := range file.Comments {
		if block := comment(set, group); block.Text != "" {
			blocks = append(blocks, block)
		}
	}
	if literals {
		blocks = append(blocks, messages(set, file)...)
	}
	return blocks, nil
}

// comment returns the text of a group of comments without directives. The reason behind a directive stays. Indented lines are code.
func comment(set *token.FileSet, group *ast.CommentGroup) Block {
	var block Block
	for _, c := range group.List {
		body, isLine := strings.CutPrefix(c.Text, "//")
		switch {
		case isLine && directive.MatchString(c.Text):
			// The reason behind a //nolint is prose.
			_, body, _ = strings.Cut(body, " //")
		case isLine && strings.HasPrefix(body, "\t"):
			body = ""
		}
		if !isLine {
			body = strings.TrimSuffix(strings.TrimPrefix(c.Text, "/*"), "*/")
		}
		block.add(set.Position(c.Pos()).Line, body+"\n")
	}
	if strings.TrimSpace(block.Text) == "" {
		return Block{}
	}
	block.Text = maskSpans(block.Text)
	return block
}

// messages returns the string literals of a file that hold more than one word. Literals that are joined by + are one text.
func messages(set *token.FileSet, file *ast.File) []Block {
	var blocks []Block
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			n.Tag = nil
		case *ast.BasicLit:
			blocks = appendMessage(blocks, join(set, n))
		case *ast.BinaryExpr:
			if n.Op != token.ADD {
				return true
			}
			blocks = appendMessage(blocks, join(set, n))
			for _, operand := range operands(n) {
				if _, isLiteral := operand.(*ast.BasicLit); !isLiteral {
					blocks = append(blocks, messagesIn(set, operand)...)
				}
			}
			return false
		}
		return true
	})
	return blocks
}

func appendMessage(blocks []Block, block Block) []Block {
	if !strings.Contains(strings.TrimSpace(block.Text), " ") {
		return blocks
	}
	return append(blocks, block)
}

// messagesIn returns the messages inside an expression.
func messagesIn(set *token.FileSet, expression ast.Expr) []Block {
	declaration := &ast.GenDecl{Tok: token.VAR, Specs: []ast.Spec{&ast.ValueSpec{Values: []ast.Expr{expression}}}}
	return messages(set, &ast.File{Name: ast.NewIdent("_"), Decls: []ast.Decl{declaration}})
}

// operands returns what a chain of + adds up.
func operands(expression ast.Expr) []ast.Expr {
	if sum, ok := expression.(*ast.BinaryExpr); ok && sum.Op == token.ADD {
		return append(operands(sum.X), operands(sum.Y)...)
	}
	return []ast.Expr{expression}
}

// join returns the text of literals that are added. Other operands are masked.
func join(set *token.FileSet, expression ast.Expr) Block {
	var block Block
	for _, operand := range operands(expression) {
		line := set.Position(operand.Pos()).Line
		literal, ok := operand.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			block.add(line, "_")
			continue
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			continue // the parser has accepted the literal
		}
		if literal.Value[0] != '`' {
			// The lines of an interpreted literal are one line of the file.
			value = strings.ReplaceAll(value, "\n", " ")
		}
		block.add(line, value)
	}
	return block
}
