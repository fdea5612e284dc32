"""Terms of GS1's Core Business Vocabulary 2.0 and Web Vocabulary, and unit codes of UN/ECE Recommendation 20."""

from __future__ import annotations

import re
from enum import Enum


def _terms(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
"""JSON-LD context that every document must refer to."""

EVENT_TYPES = frozenset(
    {"ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent"}
)
ACTIONS = frozenset({"OBSERVE", "ADD", "DELETE"})

BIZ_STEPS = _terms(
    """
    accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting
    decommissioning departing destroying disassembling dispensing encoding entering_exiting holding inspecting
    installing killing loading other packing picking receiving removing repackaging repairing replacing reserving
    retail_selling sampling sensor_reporting shipping staging_outbound stock_taking stocking storing transporting
    unloading unpacking void_shipping
    """
)
DISPOSITIONS = _terms(
    """
    active available completeness_inferred completeness_verified conformant container_closed container_open
    damaged destroyed dispensed disposed encoded expired in_progress in_transit inactive mismatch_class
    mismatch_instance mismatch_quantity needs_replacement no_pedigree_match non_conformant non_sellable_other
    partially_dispensed recalled reserved retail_sold returned sellable_accessible sellable_not_accessible stolen
    unavailable unknown
    """
)
BIZ_TRANSACTION_TYPES = _terms("bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt")
SOURCE_DESTINATION_TYPES = _terms("location owning_party possessing_party")
ERROR_REASONS = _terms("did_not_occur incorrect_data")
MEASUREMENT_TYPES = _terms(
    """
    AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Altitude AmountOfSubstance
    AmountOfSubstancePerUnitVolume Angle AngularAcceleration AngularMomentum AngularVelocity Area Capacitance
    Conductance Conductivity Count Density Dimensionless DoseEquivalent DoseEquivalentRate DynamicViscosity
    ElectricCharge ElectricCurrent ElectricCurrentDensity ElectricFieldStrength Energy Exposure Force Frequency
    Illuminance Inductance Irradiance KinematicViscosity Length LinearMomentum Luminance LuminousFlux
    LuminousIntensity MagneticFlux MagneticFluxDensity MagneticVectorPotential Mass MassConcentration MassFlowRate
    MassPerAreaTime MemoryCapacity MolalityOfSolute MolarEnergy MolarMass MolarVolume Power Pressure RadiantFlux
    RadiantIntensity Radioactivity RelativeHumidity Resistance Resistivity SolidAngle SpecificVolume Speed
    SurfaceDensity SurfaceTension Temperature Time Torque Voltage Volume VolumeFlowRate VolumeFraction
    VolumetricFlux Wavenumber
    """
)
ALERT_TYPES = _terms("ALARM_CONDITION ERROR_CONDITION")
COMPONENTS = _terms(
    """
    altitude axial_distance azimuth easting elevation_angle height latitude longitude northing polar_angle
    spherical_radius x y z
    """
)


class Standard(Enum):
    """A vocabulary of the CBV: its terms, and the prefixes of a term in a web URI and in a URN."""

    BIZ_STEP = (BIZ_STEPS, "BizStep-", "bizstep:")
    DISPOSITION = (DISPOSITIONS, "Disp-", "disp:")
    BIZ_TRANSACTION = (BIZ_TRANSACTION_TYPES, "BTT-", "btt:")
    SOURCE_DESTINATION = (SOURCE_DESTINATION_TYPES, "SDT-", "sdt:")
    ERROR_REASON = (ERROR_REASONS, "ER-", "er:")
    COMPONENT = (COMPONENTS, "Comp-", "comp:")

    @property
    def terms(self) -> frozenset[str]:
        """The bare names of all terms."""
        return self.value[0]

    def short_name(self, term: str) -> str:
        """Return the bare name of a term in any of its forms; other text is returned unchanged.

        Forms: `shipping`, `cbv:BizStep-shipping`, `https://ref.gs1.org/cbv/BizStep-shipping`,
        `https://ns.gs1.org/cbv/BizStep-shipping`, `urn:epcglobal:cbv:bizstep:shipping`.
        """
        _, web, urn = self.value
        for pattern, prefix in ((CBV_WEB, web), (_CBV_URN, urn)):
            match = pattern.match(term)
            if match and term[match.end() :].startswith(prefix):
                name = term[match.end() + len(prefix) :]
                return name if name in self.terms else term
        return term


CBV_WEB = re.compile(r"https?://(?:ref|ns)\.gs1\.org/cbv/|cbv:")
_CBV_URN = re.compile(r"urn:epcglobal:cbv:")

PREFIXES = frozenset({"cbv", "cbvmda", "dcterms", "epcis", "gs1", "owl", "rdf", "rdfs", "xsd"})
"""Prefixes that the context of GS1 declares."""

UNIT_CODES = {
    "%": "P1",
    "points": "P1",
    "°C": "CEL",
    "Cel": "CEL",
    "K": "KEL",
    "s": "SEC",
    "min": "MIN",
    "h": "HUR",
    "nm": "C45",
    "um": "4H",
    "µm": "4H",
    "mm": "MMT",
    "cm": "CMT",
    "m": "MTR",
    "g": "GRM",
    "kg": "KGM",
    "W": "WTT",
    "kW": "KWT",
    "V": "VLT",
    "A": "AMP",
    "mA": "4K",
    "C": "COU",
    "Pa": "PAL",
    "hPa": "A97",
    "mbar": "MBR",
    "Hz": "HTZ",
    "l": "LTR",
    "L": "LTR",
    "lx": "LUX",
    "r/min": "RPM",
    "rpm": "RPM",
}
"""UN/ECE Rec 20 codes of common unit symbols; other units go into an extension."""
