//! From text to one statement that selects, in bounded time.
//!
//! The parser goes back and tries another way where one fails. With constructs nested in one another
//! that takes exponential time: `position(` sixteen times, and nothing else, took it two minutes. It
//! asks its dialect before every expression, though, so the dialect counts.

use std::{any::TypeId, cell::Cell, fmt::Debug};

use deltalake::datafusion::sql::{
    parser::{DFParserBuilder, Statement},
    sqlparser::{
        ast::{Expr, Statement as Ast},
        dialect::{Dialect, GenericDialect},
        parser::{Parser, ParserError},
        tokenizer::{Token, Tokenizer},
    },
};

use super::SqlError;

/// A longer query is refused.
pub const LONGEST_QUERY: usize = 64 << 10;

/// So is one of more words and signs, commas aside: it takes time to plan what is deep, in which the
/// engine cannot be stopped.
pub const MOST_TOKENS: usize = 2_000;

/// Expressions that the parser may begin; a query has hardly more of them than it has words.
const MOST_STEPS: usize = 100_000;

/// How deep expressions may be nested.
const DEEPEST: usize = 50;

/// The only statement of `query`, if it is one that selects.
pub(super) fn statement(query: &str) -> Result<Statement, SqlError> {
    if query.len() > LONGEST_QUERY {
        return Err(SqlError::TooLong(query.len()));
    }
    let dialect = Counting { dialect: GenericDialect {}, left: Cell::new(MOST_STEPS) };
    let tokens = Tokenizer::new(&dialect, query).tokenize();
    let tokens = tokens.map_err(|wrong| SqlError::Invalid(wrong.to_string()))?;
    let is_counted = |token: &&Token| !matches!(token, Token::Whitespace(_) | Token::Comma);
    let words = tokens.iter().filter(is_counted).count();
    if words > MOST_TOKENS {
        return Err(SqlError::TooManyTokens(words));
    }
    let parser = DFParserBuilder::new(query).with_dialect(&dialect);
    let mut statements = parser.with_recursion_limit(DEEPEST).build()?.parse_statements()?;
    let Some(statement) = statements.pop_front() else { return Err(SqlError::NoStatement) };
    if !statements.is_empty() {
        return Err(SqlError::SeveralStatements);
    }
    if selects(&statement) {
        return Ok(statement);
    }
    let first = tokens.iter().find(|token| matches!(token, Token::Word(_)));
    let first = first.map_or("something else".to_owned(), |word| word.to_string().to_uppercase());
    Err(SqlError::ReadOnly(first))
}

/// What it selects from may still be something that writes; the plan tells.
fn selects(statement: &Statement) -> bool {
    match statement {
        Statement::Explain(explained) => selects(&explained.statement),
        Statement::Statement(statement) => matches!(
            &**statement,
            Ast::Query(_)
                | Ast::ShowTables { .. }
                | Ast::ShowColumns { .. }
                | Ast::ShowFunctions { .. }
                | Ast::ExplainTable { .. }
        ),
        _ => false,
    }
}

/// The engine's usual dialect, except that it loses patience.
#[derive(Debug)]
struct Counting {
    dialect: GenericDialect,
    left: Cell<usize>,
}

/// What the parser asks the dialect when it reads a query.
macro_rules! as_usual {
    ($($question:ident($($given:ident: $kind:ty)?),)*) => {
        $(fn $question(&self $(, $given: $kind)?) -> bool {
            self.dialect.$question($($given)?)
        })*
    };
}

impl Dialect for Counting {
    fn dialect(&self) -> TypeId {
        self.dialect.dialect()
    }

    fn parse_prefix(&self, _: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        match self.left.get().checked_sub(1) {
            // Of all errors the one that lets the parser not try another way.
            None => Some(Err(ParserError::RecursionLimitExceeded)),
            Some(left) => {
                self.left.set(left);
                None
            }
        }
    }

    as_usual! {
        is_delimited_identifier_start(ch: char),
        is_identifier_start(ch: char),
        is_identifier_part(ch: char),
        supports_unicode_string_literal(),
        supports_group_by_expr(),
        supports_group_by_with_modifier(),
        supports_left_associative_joins_without_parens(),
        supports_window_function_null_treatment_arg(),
        supports_dictionary_syntax(),
        supports_window_clause_named_window_reference(),
        supports_select_wildcard_except(),
        supports_select_wildcard_exclude(),
        supports_select_wildcard_replace(),
        supports_select_wildcard_ilike(),
        supports_select_wildcard_rename(),
        support_map_literal_syntax(),
        allow_extract_custom(),
        allow_extract_single_quotes(),
        supports_extract_comma_syntax(),
        supports_parens_around_table_factor(),
        supports_values_as_table_factor(),
        supports_explain_with_utility_options(),
        supports_limit_comma(),
        supports_from_first_select(),
        supports_projection_trailing_commas(),
        supports_try_convert(),
        supports_bitwise_shift_operators(),
        supports_named_fn_args_with_assignment_operator(),
        supports_struct_literal(),
        supports_nested_comments(),
        supports_string_escape_constant(),
        supports_array_typedef_with_brackets(),
        supports_filter_during_aggregation(),
        supports_interval_options(),
        supports_comma_separated_trim(),
        supports_pipe_operator(),
        supports_empty_projections(),
        supports_cte_without_as(),
    }
}
