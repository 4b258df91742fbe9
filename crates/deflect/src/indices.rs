//! The table of spectral indices: name, formula, source. Formulas are written as in the Spyndex catalogue (Montero et al. 2023),
//! with whose Python package they are compared.

use std::collections::{BTreeMap, BTreeSet};

use crate::bands::Role;
use crate::error::DeflectError;
use crate::formula::Formula;

/// One spectral index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpectralIndex {
    /// Short name, by which it is selected.
    pub name: &'static str,
    /// What it was made to show.
    pub meaning: &'static str,
    /// See [`Formula`].
    pub formula: &'static str,
    /// Where it was published.
    pub reference: &'static str,
}

const fn index(
    name: &'static str,
    meaning: &'static str,
    formula: &'static str,
    reference: &'static str,
) -> SpectralIndex {
    SpectralIndex {
        name,
        meaning,
        formula,
        reference,
    }
}

/// The indices taken by default, of which an image gives those that its bands allow: vegetation, red edge, water, moisture,
/// soil, built-up land, burns, turbidity.
pub const RECOMMENDED: [&str; 12] = [
    "NDVI", "NDWI", "MNDWI", "NDBI", "NDMI", "NDREI", "NBR", "NDTI", "NDCI", "NDRE3RE1", "BI",
    "EVI",
];

/// Every index there is.
#[rustfmt::skip]
pub const INDICES: [SpectralIndex; 54] = [
    index("NDVI", "green vegetation", "(N-R)/(N+R)", "Rouse et al. 1974"),
    index("GNDVI", "chlorophyll, with green instead of red", "(N-G)/(N+G)", "Gitelson et al. 1996, doi:10.1016/S0034-4257(96)00072-7"),
    index("BNDVI", "vegetation, with blue instead of red", "(N-B)/(N+B)", "Wang et al. 2007, doi:10.1016/S1672-6308(07)60027-4"),
    index("EVI", "vegetation where it is dense, corrected for air and soil", "g*(N-R)/(N+C1*R-C2*B+L)", "Huete et al. 1997, doi:10.1016/S0034-4257(96)00112-5"),
    index("EVI2", "EVI without a blue band", "g*(N-R)/(N+2.4*R+L)", "Jiang et al. 2008, doi:10.1016/j.rse.2008.06.006"),
    index("SAVI", "vegetation over bright soil", "(1.0+L)*(N-R)/(N+R+L)", "Huete 1988, doi:10.1016/0034-4257(88)90106-X"),
    index("OSAVI", "vegetation over soil, with a fixed correction", "(N-R)/(N+R+0.16)", "Rondeaux et al. 1996, doi:10.1016/0034-4257(95)00186-7"),
    index("MSAVI", "vegetation over soil, with a correction of its own for every pixel", "0.5*(2.0*N+1-(((2*N+1)**2)-8*(N-R))**0.5)", "Qi et al. 1994, doi:10.1016/0034-4257(94)90134-1"),
    index("ARVI", "vegetation, corrected for haze", "(N-(R-gamma*(R-B)))/(N+(R-gamma*(R-B)))", "Kaufman & Tanre 1992, doi:10.1109/36.134076"),
    index("DVI", "vegetation, as a difference", "N-R", "Roujean & Breon 1995, doi:10.1016/0034-4257(94)00114-3"),
    index("SR", "vegetation, as a ratio", "N/R", "Jordan 1969, doi:10.2307/1936256"),
    index("NIRv", "light that vegetation reflects", "((N-R)/(N+R))*N", "Badgley et al. 2017, doi:10.1126/sciadv.1602244"),
    index("GEMI", "vegetation, little changed by air", "((2.0*((N**2.0)-(R**2.0))+1.5*N+0.5*R)/(N+R+0.5))*(1.0-0.25*((2.0*((N**2.0)-(R**2))+1.5*N+0.5*R)/(N+R+0.5)))-((R-0.125)/(1-R))", "Pinty & Verstraete 1992, doi:10.1007/bf00031911"),
    index("WDRVI", "vegetation where NDVI saturates", "(alpha*N-R)/(alpha*N+R)", "Gitelson 2004, doi:10.1078/0176-1617-01176"),
    index("CIG", "chlorophyll, from green", "(N/G)-1.0", "Gitelson et al. 2003, doi:10.1078/0176-1617-00887"),
    index("OCVI", "chlorophyll of one crop", "(N/G)*(R/G)**cexp", "Vincini et al. 2008, doi:10.1007/s11119-008-9075-z"),
    index("GLI", "leaves in visible light", "(2.0*G-R-B)/(2.0*G+R+B)", "Louhaichi et al. 2001, doi:10.1080/10106040108542184"),
    index("VARI", "vegetation in visible light", "(G-R)/(G+R-B)", "Gitelson et al. 2002, doi:10.1016/S0034-4257(01)00289-9"),
    index("NDREI", "chlorophyll, from the red edge", "(N-RE1)/(N+RE1)", "Gitelson & Merzlyak 1994, doi:10.1016/1011-1344(93)06963-4"),
    index("NDVI705", "chlorophyll, within the red edge", "(RE2-RE1)/(RE2+RE1)", "Gitelson & Merzlyak 1994, doi:10.1016/S0176-1617(11)81633-0"),
    index("NDRE3RE1", "steepness of the red edge", "(RE3-RE1)/(RE3+RE1)", "normalised difference of Sentinel-2 bands 7 and 5"),
    index("CIRE", "chlorophyll, from the red edge, as a ratio", "(N/RE1)-1", "Gitelson et al. 2003, doi:10.1078/0176-1617-00887"),
    index("IRECI", "chlorophyll, from four bands", "(RE3-R)/(RE1/RE2)", "Frampton et al. 2013, doi:10.1016/j.isprsjprs.2013.04.007"),
    index("MTCI", "chlorophyll, from the slope of the red edge", "(RE2-RE1)/(RE1-R)", "Dash & Curran 2004, doi:10.1080/0143116042000274015"),
    index("MCARI", "chlorophyll absorption", "((RE1-R)-0.2*(RE1-G))*(RE1/R)", "Daughtry et al. 2000, doi:10.1016/S0034-4257(00)00113-9"),
    index("PSRI", "ageing of leaves", "(R-B)/RE2", "Merzlyak et al. 1999, doi:10.1034/j.1399-3054.1999.106119.x"),
    index("SeLI", "leaf area, from bands 8A and 5 of Sentinel-2", "(N2-RE1)/(N2+RE1)", "Pasqualotto et al. 2019, doi:10.3390/s19040904"),
    index("mND705", "chlorophyll, corrected for shine", "(RE2-RE1)/(RE2+RE1-A)", "Sims & Gamon 2002, doi:10.1016/S0034-4257(02)00010-X"),
    index("NDCI", "chlorophyll in water", "(RE1-R)/(RE1+R)", "Mishra & Mishra 2012, doi:10.1016/j.rse.2011.10.016"),
    index("NDMI", "water in leaves", "(N-S1)/(N+S1)", "Gao 1996; Jin & Sader 2005, doi:10.1016/S0034-4257(01)00318-2"),
    index("MSI", "lack of water in leaves", "S1/N", "Hunt & Rock 1989, doi:10.1016/0034-4257(89)90046-1"),
    index("NMDI", "drought, from both short-wave windows", "(N-(S1-S2))/(N+(S1-S2))", "Wang & Qu 2007, doi:10.1029/2007GL031021"),
    index("NDWI", "open water", "(G-N)/(G+N)", "McFeeters 1996, doi:10.1080/01431169608948714"),
    index("MNDWI", "open water among buildings", "(G-S1)/(G+S1)", "Xu 2006, doi:10.1080/01431160600589179"),
    index("AWEInsh", "water, where there is no shadow", "4.0*(G-S1)-0.25*N+2.75*S2", "Feyisa et al. 2014, doi:10.1016/j.rse.2013.08.029"),
    index("AWEIsh", "water, where there is shadow", "B+2.5*G-1.5*(N+S1)-0.25*S2", "Feyisa et al. 2014, doi:10.1016/j.rse.2013.08.029"),
    index("MBWI", "water, from many bands", "(omega*G)-R-N-S1-S2", "Wang et al. 2018, doi:10.1016/j.jag.2018.01.018"),
    index("NDTI", "turbid water", "(R-G)/(R+G)", "Lacaux et al. 2007, doi:10.1016/j.rse.2006.07.012"),
    index("FAI", "floating algae: near infrared above a line from red to short-wave", "N-(R+(S1-R)*((lambdaN-lambdaR)/(lambdaS1-lambdaR)))", "Hu 2009, doi:10.1016/j.rse.2009.05.012"),
    index("NDSI", "snow", "(G-S1)/(G+S1)", "Hall et al. 1995; doi:10.1109/IGARSS.1994.399618"),
    index("NDSaII", "snow and ice", "(R-S1)/(R+S1)", "Xiao et al. 2001, doi:10.1080/01431160119766"),
    index("NBR", "burnt land", "(N-S2)/(N+S2)", "Key & Benson 1999, doi:10.3133/ofr0211"),
    index("NBR2", "burnt land and tillage, from both short-wave windows", "(S1-S2)/(S1+S2)", "United States Geological Survey, Landsat NBR2"),
    index("BAI", "charcoal", "1.0/((0.1-R)**2.0+(0.06-N)**2.0)", "Martin 1998, Serie Geografica 7"),
    index("MIRBI", "burnt savannah", "10.0*S2-9.8*S1+2.0", "Trigg & Flasse 2001, doi:10.1080/01431160110053185"),
    index("BAIS2", "burnt land, from the red edge of Sentinel-2", "(1.0-((RE2*RE3*N2)/R)**0.5)*(((S2-N2)/(S2+N2)**0.5)+1.0)", "Filipponi 2018, doi:10.3390/ecrs-2-05177"),
    index("NBRT1", "burnt land, with a thermal band", "(N-(S2*T/10000.0))/(N+(S2*T/10000.0))", "Holden et al. 2005, doi:10.1080/01431160500239008"),
    index("NDBI", "built-up land", "(S1-N)/(S1+N)", "Zha et al. 2003, doi:10.1080/01431160304987"),
    index("UI", "cities", "(S2-N)/(S2+N)", "Kawamura et al. 1996, ISPRS Archives XXXI-B7"),
    index("IBI", "built-up land, from three indices", "(((S1-N)/(S1+N))-(((N-R)*(1.0+L)/(N+R+L))+((G-S1)/(G+S1)))/2.0)/(((S1-N)/(S1+N))+(((N-R)*(1.0+L)/(N+R+L))+((G-S1)/(G+S1)))/2.0)", "Xu 2008, doi:10.1080/01431160802039957"),
    index("EBBI", "built-up and bare land, with a thermal band", "(S1-N)/(10.0*((S1+T)**0.5))", "As-syakur et al. 2012, doi:10.3390/rs4102957"),
    index("BI", "bare soil", "((S1+R)-(N+B))/((S1+R)+(N+B))", "Rikimaru et al. 2002"),
    index("DBSI", "bare soil in dry climate", "((S1-G)/(S1+G))-((N-R)/(N+R))", "Rasul et al. 2018, doi:10.3390/land7030081"),
    index("SI", "shadow of a canopy", "((1.0-B)*(1.0-G)*(1.0-R))**(1/3)", "Rikimaru et al. 2002"),
];

impl SpectralIndex {
    /// The parsed formula.
    ///
    /// # Errors
    /// [`DeflectError::Formula`]; not for those of [`INDICES`], which a test parses all.
    pub fn parse(&self) -> Result<Formula, DeflectError> {
        Formula::parse(self.formula)
    }
}

/// The index of that name.
///
/// # Errors
/// [`DeflectError::UnknownIndex`] with the nearest names.
pub fn find_index(name: &str) -> Result<&'static SpectralIndex, DeflectError> {
    INDICES
        .iter()
        .find(|index| index.name == name)
        .ok_or_else(|| DeflectError::UnknownIndex {
            name: name.to_owned(),
            nearest: nearest(name),
        })
}

/// The five names with the most pairs of neighbouring letters in common, whatever their case.
fn nearest(name: &str) -> String {
    let pairs = |text: &str| -> BTreeSet<[u8; 2]> {
        let lower = text.to_lowercase();
        lower.as_bytes().windows(2).map(|w| [w[0], w[1]]).collect()
    };
    let wanted = pairs(name);
    let mut names: Vec<_> = INDICES
        .iter()
        .map(|index| {
            let own = pairs(index.name);
            let common = own.intersection(&wanted).count() as f64;
            (
                common / (own.len() + wanted.len()).max(1) as f64,
                index.name,
            )
        })
        .collect();
    names.sort_by(|a, b| b.0.total_cmp(&a.0));
    let names: Vec<_> = names.iter().take(5).map(|(_, name)| *name).collect();
    names.join(", ")
}

/// What a formula needs and the bands do not give: missing roles, and roles whose band has no wavelength (with true).
pub(crate) fn lacking(
    formula: &Formula,
    roles: &BTreeMap<Role, usize>,
    has_wavelength: &dyn Fn(usize) -> bool,
) -> Vec<(Role, bool)> {
    let bands = formula.bands().into_iter();
    let absent = bands
        .filter(|role| !roles.contains_key(role))
        .map(|role| (role, false));
    let wavelengths = formula.wavelengths().into_iter();
    let unplaced = wavelengths
        .filter(|role| !roles.get(role).is_some_and(|band| has_wavelength(*band)))
        .map(|role| (role, true));
    absent.chain(unplaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_formula_parses_under_a_name_of_its_own() {
        let mut names = BTreeSet::new();
        for index in &INDICES {
            index.parse().unwrap();
            assert!(names.insert(index.name), "{} is there twice", index.name);
            assert!(
                !index.meaning.is_empty() && !index.reference.is_empty(),
                "{}",
                index.name
            );
        }
        for name in RECOMMENDED {
            find_index(name).unwrap();
        }
    }

    #[test]
    fn sentinel_2_and_landsat_have_at_least_thirty() {
        let sentinel = "B G R N S1 S2 A RE1 RE2 RE3 N2 WV";
        let landsat = "B G R N S1 S2 A T1 T2";
        for (bands, least) in [(sentinel, 50), (landsat, 30)] {
            let roles: BTreeMap<_, _> = bands
                .split(' ')
                .enumerate()
                .map(|(at, name)| (Role::from_name(name).unwrap(), at))
                .collect();
            let possible = INDICES
                .iter()
                .filter(|index| lacking(&index.parse().unwrap(), &roles, &|_| true).is_empty())
                .count();
            assert!(possible >= least, "{bands}: {possible}");
        }
    }

    #[test]
    fn unknown_names_list_the_nearest() {
        let message = find_index("ndvi").unwrap_err().to_string();
        assert!(message.contains("NDVI,"), "{message}");
    }
}
