"""Colour maps by name, one for the page, quick-looks and reports: stops, and the colours between them.

33 stops a map, evenly spaced, of cmocean 4.0.3 (Thyng et al. 2016, doi:10.5670/oceanog.2016.66): perceptually uniform,
so that equal steps of a field look equal. cmocean is (c) 2015 Kristen M. Thyng, MIT licence.
"""

from __future__ import annotations

_STOPS = {
    "thermal": (
        "042333052943082e540e316719337c27349139339e49369f563b9c6241986d4694784b9183508f8e548c995889a55c86b15f82"
        "bb627dc76676d36a6ede7065e7765bef7e52f58749f99242fb9e3efcaa3cfbb73df9c441f7d246f3df4ceeed53e8fa5b"
    ),
    "tempo": (
        "fff6f4f4eee8e9e7dddde0d1d2d9c7c6d3bcbacdb3aec7aaa1c1a194bc9a86b69378b18e69ab8959a68549a0833a9a812a937f"
        "1f8d7e16867c117f7a11777714707417687019616c1b59681c52631c4b5f1c435a1b3c561a3551182d4c172548151d44"
    ),
    "speed": (
        "fffdcdf9f3bcf4eaabefe19ae9d889e3cf77dbc866d3c155c9ba45beb436b2af28a5aa1c98a5128aa0097c9c066e97075f920c"
        "528d1244881836821e287c231c7527126e2a0c672c0b602d0e582d11512c15492a174127193a2319321e192b19172313"
    ),
    "dense": (
        "e6f1f1d8eaeccbe4e8bedde5b1d6e3a5cfe29ac8e28fc1e286b9e37fb1e479a9e475a0e57397e4738ee27584df767bdb7871d5"
        "7969cf7960c77957bd784eb37746a9753d9d7236926f2e856b287966216c601c5e5a185152154449123840102e360e24"
    ),
    "haline": (
        "2a186c2d1a7f2e1d932a25a12034a216409d0f4a980c53940f5b9015638e1c6a8c22718a2977892e7e89338588388c883c9387"
        "3f998644a18449a8824faf7e56b77a5fbe756bc46e78cb6889d0619bd55cafd95dc1dd64d2e16fe1e57cf0ea8afdef9a"
    ),
    "deep": (
        "fdfeccedf7c3ddf2baccecb3bbe6acaae0a898daa487d4a378cea36bc6a362bfa45ab7a455aea351a6a24e9ea14b96a0488e9e"
        "46879c437f9a4177993f6f973e67953e5f933e5691404d8c414583413e763f38693b325c372c4f3226432d2037281a2c"
    ),
    "phase": (
        "a8780db3701bbe6828c75f35cf5643d54b53db4066de357bdf2a93dc25add529c4cc34d7c041e5b24fefa25cf39168f47d73f0"
        "6b7be95584de408acf2e8fbe2192ae19959e13978e0c987e0f9a6b219a553c993c5a9423748e1388870e99800da8780d"
    ),
    "gray": (
        "0000000303030909091211111a191921212129282830302f3737373e3e3e4645454d4c4c5454535b5b5a6362626a6a69727171"
        "787877807f7f888787908f8f989797a0a09fa8a8a7b1b1b0babab9c3c3c2cccccbd6d6d4e0dfdeeaeae8f4f4f3fffffd"
    ),
    "solar": (
        "3314183d171c471a1f511d225b20236523246f2525792924822d228b312093371d9a3e1ba04519a64c17ac5415b15c14b66413"
        "ba6c13bf7413c37d14c78616ca8f19ce981cd1a11fd4ab23d6b427d9be2cdbc831ddd236dedd3bdfe740e0f245e1fd4b"
    ),
    "balance": (
        "181c4320275b263276293c932548b01059be0f6abd237aba3888ba4e95ba65a2bc7eaebf98bac5b0c5cdc7d2d7dee0e1f1eceb"
        "eadcd8e3c9c1ddb6aad8a493d2927ccd7f65c76d50c05a3cb9452caf3024a11d259010297b0e29650f24510d1c3c0912"
    ),
}
REVERSED = "_r"  # behind a name: from its end to its beginning


def stops(name: str) -> list[str]:
    """Colours of a map as #rrggbb, from low to high; KeyError for a map that is not here."""
    text = _STOPS[name.removesuffix(REVERSED)]
    found = [f"#{text[i : i + 6]}" for i in range(0, len(text), 6)]
    return found[::-1] if name.endswith(REVERSED) else found
