//! The files that are known by name: where they lie, and what their hash must be.

use super::{DownloadError, Pin};

/// One published file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The model's name in the zoo, or the data set's.
    pub name: &'static str,
    /// Its address; without one, a sentence that says how a person gets it.
    pub from: Result<&'static str, &'static str>,
    /// File name on disk.
    pub file: &'static str,
    /// All digits of its SHA-256, or its first eight; empty where nobody published it.
    pub sha256: &'static str,
    /// Its licence.
    pub licence: &'static str,
}

impl Published {
    /// What its bytes must be, where that is known.
    pub fn pin(&self) -> Option<Pin> {
        match self.sha256.len() {
            0 => None,
            64 => Some(Pin::Whole(self.sha256.into())),
            _ => Some(Pin::Start(self.sha256.into())),
        }
    }
}

/// The file of that name.
///
/// # Errors
/// [`DownloadError::Unknown`], which lists names that begin alike.
pub fn published(name: &str) -> Result<&'static Published, DownloadError> {
    PUBLISHED
        .iter()
        .find(|file| file.name == name)
        .ok_or_else(|| {
            let alike = |other: &str| {
                let pairs = name.chars().zip(other.chars());
                pairs.take_while(|(a, b)| a == b).count()
            };
            let mut names: Vec<_> = PUBLISHED.iter().map(|file| file.name).collect();
            names.sort_by_key(|other| std::cmp::Reverse(alike(other)));
            DownloadError::Unknown {
                name: name.into(),
                near: names[..3].join(", "),
            }
        })
}

/// Meta's DINOv3 weights want an agreement first.
const DINO_V3: Result<&str, &str> = Err(
    "Meta hands the DINOv3 weights out after a form is signed (ai.meta.com/resources/models-and-libraries/dinov3-downloads); \
     fetch the file there, then run this command with --check FILE",
);

const fn dino_v3(name: &'static str, file: &'static str, sha256: &'static str) -> Published {
    Published {
        name,
        from: DINO_V3,
        file,
        sha256,
        licence: "DINOv3 License",
    }
}

/// Files of one server that share a licence.
const fn at(
    name: &'static str,
    url: &'static str,
    file: &'static str,
    sha256: &'static str,
    licence: &'static str,
) -> Published {
    Published {
        name,
        from: Ok(url),
        file,
        sha256,
        licence,
    }
}

/// Every file that is known by name.
///
/// Hashes of DINOv2 are the ones that several independent projects check downloads against; those of eight digits stand in the
/// published file names, and the addresses beside them name a revision that cannot change.
#[rustfmt::skip]
pub const PUBLISHED: &[Published] = &[
    at("scale_mae_vit_large", "https://hf.co/isaaccorley/vit_large_patch16_224_fmow_rgb_scalemae/resolve/9dc7f569424baeb780698352cf6e87638c882123/vit_large_patch16_224_fmow_rgb_scalemae-98ed9821.pth", "vit_large_patch16_224_fmow_rgb_scalemae-98ed9821.pth", "98ed9821", "CC-BY-NC-4.0"),
    at("dofa_vit_base", "https://hf.co/torchgeo/dofa/resolve/b8db318b64a90b9e085ec04ba8851233c5893666/dofa_base_patch16_224-a0275954.pth", "dofa_base_patch16_224-a0275954.pth", "a0275954", "CC-BY-4.0"),
    at("dofa_vit_large", "https://hf.co/torchgeo/dofa/resolve/b8db318b64a90b9e085ec04ba8851233c5893666/dofa_large_patch16_224-0ff904d3.pth", "dofa_large_patch16_224-0ff904d3.pth", "0ff904d3", "CC-BY-4.0"),
    at("dinov2_vit_small", "https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth", "dinov2_vits14_pretrain.pth", "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9", "Apache-2.0"),
    at("dinov2_vit_base", "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitb14/dinov2_vitb14_pretrain.pth", "dinov2_vitb14_pretrain.pth", "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73", "Apache-2.0"),
    at("dinov2_vit_large", "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth", "dinov2_vitl14_pretrain.pth", "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428", "Apache-2.0"),
    at("dinov2_vit_giant", "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitg14/dinov2_vitg14_pretrain.pth", "dinov2_vitg14_pretrain.pth", "baf8467e50af277596bbbafa06887c177ee899ab46033649c383577d7e9309d3", "Apache-2.0"),
    at("dinov2_reg4_vit_small", "https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/dinov2_vits14_reg4_pretrain.pth", "dinov2_vits14_reg4_pretrain.pth", "f433177089a681826f849f194ece3bb48f4d63fb38d32fc837e3dc7a4e5641fb", "Apache-2.0"),
    at("dinov2_reg4_vit_base", "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitb14/dinov2_vitb14_reg4_pretrain.pth", "dinov2_vitb14_reg4_pretrain.pth", "73182a088cf94833c94b1666d1c99e02fe87e2007bff57b564fb6206e25dba71", "Apache-2.0"),
    at("dinov2_reg4_vit_large", "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_reg4_pretrain.pth", "dinov2_vitl14_reg4_pretrain.pth", "36e4deffbaef061a2576705b0c36f93621e2ae20bf6274694821b0b492551b51", "Apache-2.0"),
    at("dinov2_reg4_vit_giant", "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitg14/dinov2_vitg14_reg4_pretrain.pth", "dinov2_vitg14_reg4_pretrain.pth", "746ecb8c6301c645c5c855be91687d274587d6e48fdaec4a729753160b34a283", "Apache-2.0"),
    dino_v3("dinov3_vit_small", "dinov3_vits16_pretrain_lvd1689m-08c60483.pth", "08c60483"),
    dino_v3("dinov3_vit_small_plus", "dinov3_vits16plus_pretrain_lvd1689m-4057cbaa.pth", "4057cbaa"),
    dino_v3("dinov3_vit_base", "dinov3_vitb16_pretrain_lvd1689m-73cec8be.pth", "73cec8be"),
    dino_v3("dinov3_vit_large", "dinov3_vitl16_pretrain_lvd1689m-8aa4cbdd.pth", "8aa4cbdd"),
    dino_v3("dinov3_vit_huge_plus", "dinov3_vith16plus_pretrain_lvd1689m-7c1da9a5.pth", "7c1da9a5"),
    dino_v3("dinov3_vit_7b", "dinov3_vit7b16_pretrain_lvd1689m-a955f4ea.pth", "a955f4ea"),
    dino_v3("dinov3_sat_vit_large", "dinov3_vitl16_pretrain_sat493m-eadcf0ff.pth", "eadcf0ff"),
    dino_v3("dinov3_sat_vit_7b", "dinov3_vit7b16_pretrain_sat493m-a6675841.pth", "a6675841"),
    at("mae_vit_base", "https://dl.fbaipublicfiles.com/mae/pretrain/mae_pretrain_vit_base.pth", "mae_pretrain_vit_base.pth", "", "CC-BY-NC-4.0"),
    at("mae_vit_large", "https://dl.fbaipublicfiles.com/mae/pretrain/mae_pretrain_vit_large.pth", "mae_pretrain_vit_large.pth", "", "CC-BY-NC-4.0"),
    at("mae_vit_huge", "https://dl.fbaipublicfiles.com/mae/pretrain/mae_pretrain_vit_huge.pth", "mae_pretrain_vit_huge.pth", "", "CC-BY-NC-4.0"),
    at("dino_vit_small_16", "https://dl.fbaipublicfiles.com/dino/dino_deitsmall16_pretrain/dino_deitsmall16_pretrain.pth", "dino_deitsmall16_pretrain.pth", "", "Apache-2.0"),
    at("dino_vit_small_8", "https://dl.fbaipublicfiles.com/dino/dino_deitsmall8_pretrain/dino_deitsmall8_pretrain.pth", "dino_deitsmall8_pretrain.pth", "", "Apache-2.0"),
    at("dino_vit_base_16", "https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth", "dino_vitbase16_pretrain.pth", "", "Apache-2.0"),
    at("dino_vit_base_8", "https://dl.fbaipublicfiles.com/dino/dino_vitbase8_pretrain/dino_vitbase8_pretrain.pth", "dino_vitbase8_pretrain.pth", "", "Apache-2.0"),
    at("prithvi_eo_v2_300m", "https://huggingface.co/ibm-nasa-geospatial/Prithvi-EO-2.0-300M/resolve/main/Prithvi_EO_V2_300M.pt", "Prithvi_EO_V2_300M.pt", "", "Apache-2.0"),
    at("prithvi_eo_v2_300m_tl", "https://huggingface.co/ibm-nasa-geospatial/Prithvi-EO-2.0-300M-TL/resolve/main/Prithvi_EO_V2_300M_TL.pt", "Prithvi_EO_V2_300M_TL.pt", "", "Apache-2.0"),
    at("prithvi_eo_v2_600m", "https://huggingface.co/ibm-nasa-geospatial/Prithvi-EO-2.0-600M/resolve/main/Prithvi_EO_V2_600M.pt", "Prithvi_EO_V2_600M.pt", "", "Apache-2.0"),
    at("prithvi_eo_v2_600m_tl", "https://huggingface.co/ibm-nasa-geospatial/Prithvi-EO-2.0-600M-TL/resolve/main/Prithvi_EO_V2_600M_TL.pt", "Prithvi_EO_V2_600M_TL.pt", "", "Apache-2.0"),
    at("eurosat_rgb", "https://zenodo.org/records/7711810/files/EuroSAT_RGB.zip", "EuroSAT_RGB.zip", "6b21e91926d885aa0184a9631ff3d1018cfee87cf2c821c5bf1198f4338083de", "MIT"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vit_backbone::preset;

    #[test]
    fn the_list_agrees_with_the_zoo() {
        for file in PUBLISHED {
            assert!([0, 8, 64].contains(&file.sha256.len()), "{}", file.name);
            let digits = file.sha256.bytes();
            assert!(
                digits
                    .into_iter()
                    .all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
            );
            if let Ok(url) = file.from {
                assert!(
                    url.starts_with("https://") && url.ends_with(file.file),
                    "{}",
                    file.name
                );
            }
            if file.sha256.len() == 8 {
                assert!(
                    file.file.ends_with(&format!("-{}.pth", file.sha256)),
                    "{}",
                    file.name
                );
            }
            if file.name == "eurosat_rgb" {
                continue;
            }
            let known = preset(file.name).expect(file.name);
            assert!(known.files.contains(&file.file), "{}", file.name);
            assert_eq!(known.licence, file.licence, "{}", file.name);
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_its_neighbours() {
        let message = published("dinov2_vit_smal").unwrap_err().to_string();
        assert!(message.contains("dinov2_vit_small"), "{message}");
    }
}
