//! A text as a QR code (ISO/IEC 18004), as SVG that is part of the page: nothing is asked of another host.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};
use tsunagu_domain::{Problem, ProblemCode};

/// The light border that readers need, modules.
const QUIET: usize = 4;

/// The code as one `svg` element, of which every dark module is a square of the side 1.
pub(super) fn svg(text: &str) -> Result<String, Problem> {
    let broken = || Problem::new(ProblemCode::InternalError, "a qr code cannot be drawn");
    let code =
        QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).map_err(|_| broken())?;
    let (width, side) = (code.width(), code.width() + 2 * QUIET);
    let mut path = String::new();
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (at % width + QUIET, at / width + QUIET);
            write!(path, "M{x} {y}h1v1h-1z").map_err(|_| broken())?;
        }
    }
    Ok(format!(
        "<svg class=\"qr\" viewBox=\"0 0 {side} {side}\" role=\"img\" aria-labelledby=\"qr-name\" shape-rendering=\"crispEdges\"><title id=\"qr-name\">QR</title><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_three_corners_and_is_another_for_another_text() {
        let drawn = svg("7K3M9-PQX01-23456-789AB-CDEFG-HJKMN-PQRST").unwrap();
        // The finder patterns begin with a row of seven dark modules.
        for x in 4..11 {
            assert!(drawn.contains(&format!("M{x} 4h1")), "{x}");
        }
        assert!(!drawn.contains("M11 4h1"));
        assert_ne!(drawn, svg("7K3M9-PQX01-23456-789AB-CDEFG-HJKMN-PQRSV").unwrap());
        assert!(svg(&"x".repeat(5000)).is_err());
    }
}
