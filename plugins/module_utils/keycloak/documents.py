# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a Keycloak document, which is that of a realm export: what its top level may hold, and what is refused. Pure."""

from __future__ import annotations

import difflib
import re
import typing as t

from ..engine.compare import Json
from ..engine.family import Entry, Family

_SUBSTITUTION = re.compile(r"\$\((?P<what>[^)]*)\)?")
_NEAR = 0.84
_FEW = 12
# The lists of keys are those of this release: a newer server may know more.
NEWEST = (26, 7)


class Unknown(str):
    """A problem that is none on a server newer than the lists of keys, which may know the key.

    :ivar top: the key, where it is one at the top of the document: the server's own realm may have it.
    """

    top = ""


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


# What each family takes from the top of a document; everything else there is a setting of the realm itself.
FAMILY_KEYS = words(
    """adminPermissions adminPermissionsClient authenticationFlows authenticatorConfig clientPolicies clientProfiles clientScopeMappings clientScopes clients
    components defaultDefaultClientScopes defaultGroups defaultOptionalClientScopes eventsConfig groups identityProviderMappers identityProviders
    localizationTexts organizations requiredActions roles scopeMappings userProfile users workflows"""
)
BINDING_KEYS = words(
    """browserFlow clientAuthenticationFlow directGrantFlow dockerAuthenticationFlow firstBrokerLoginFlow registrationFlow resetCredentialsFlow"""
)
# Exports hold these, but they are the server's own.
SERVER_KEYS = frozenset({"id", "keycloakVersion", "defaultRole", "federatedUsers", "users-managed"})
# Fields of old releases: what takes their place.
REPLACED = {
    "applications": "clients",
    "oauthClients": "clients",
    "applicationScopeMappings": "clientScopeMappings",
    "clientTemplates": "clientScopes",
    "defaultRoles": "composites of the role default-roles-REALM under roles.realm",
    "userFederationProviders": "components",
    "userFederationMappers": "components",
    "protocolMappers": "protocolMappers of a client or client scope",
    "requiredCredentials": "",
}
REALM_KEYS = words(
    """accessCodeLifespan accessCodeLifespanLogin accessCodeLifespanUserAction accessTokenLifespan accessTokenLifespanForImplicitFlow accountTheme
    actionTokenGeneratedByAdminLifespan actionTokenGeneratedByUserLifespan adminEventsDetailsEnabled adminEventsEnabled adminPermissionsEnabled
    adminTheme attributes browserSecurityHeaders bruteForceProtected bruteForceStrategy clientOfflineSessionIdleTimeout clientOfflineSessionMaxLifespan
    clientSessionIdleTimeout clientSessionMaxLifespan defaultLocale defaultSignatureAlgorithm displayName displayNameHtml duplicateEmailsAllowed
    editUsernameAllowed emailTheme enabled enabledEventTypes eventsEnabled eventsExpiration eventsListeners failureFactor internationalizationEnabled
    loginTheme loginWithEmailAllowed maxDeltaTimeSeconds maxFailureWaitSeconds maxSecondaryAuthFailures maxTemporaryLockouts
    minimumQuickLoginWaitSeconds notBefore oauth2DeviceCodeLifespan oauth2DevicePollingInterval offlineSessionIdleTimeout offlineSessionMaxLifespan
    offlineSessionMaxLifespanEnabled organizationsEnabled otpPolicyAlgorithm otpPolicyCodeReusable otpPolicyDigits otpPolicyInitialCounter
    otpPolicyLookAheadWindow otpPolicyPeriod otpPolicyType otpSupportedApplications passwordPolicy permanentLockout quickLoginCheckMilliSeconds realm
    refreshTokenMaxReuse registrationAllowed registrationEmailAsUsername rememberMe requiredCredentials resetPasswordAllowed revokeRefreshToken
    scimApiEnabled smtpServer sslRequired ssoSessionIdleTimeout ssoSessionIdleTimeoutRememberMe ssoSessionMaxLifespan ssoSessionMaxLifespanRememberMe
    supportedLocales userManagedAccessAllowed verifiableCredentialsEnabled verifyEmail waitIncrementSeconds webAuthnPolicyAcceptableAaguids
    webAuthnPolicyAttestationConveyancePreference webAuthnPolicyAuthenticatorAttachment webAuthnPolicyAvoidSameAuthenticatorRegister
    webAuthnPolicyCreateTimeout webAuthnPolicyExtraOrigins webAuthnPolicyPasswordlessAcceptableAaguids
    webAuthnPolicyPasswordlessAttestationConveyancePreference webAuthnPolicyPasswordlessAuthenticatorAttachment
    webAuthnPolicyPasswordlessAvoidSameAuthenticatorRegister webAuthnPolicyPasswordlessCreateTimeout webAuthnPolicyPasswordlessExtraOrigins
    webAuthnPolicyPasswordlessMediation webAuthnPolicyPasswordlessPasskeysEnabled webAuthnPolicyPasswordlessRequireResidentKey
    webAuthnPolicyPasswordlessResidentKey webAuthnPolicyPasswordlessRpEntityName webAuthnPolicyPasswordlessRpId
    webAuthnPolicyPasswordlessSignatureAlgorithms webAuthnPolicyPasswordlessUserVerificationRequirement webAuthnPolicyRequireResidentKey
    webAuthnPolicyResidentKey webAuthnPolicyRpEntityName webAuthnPolicyRpId webAuthnPolicySignatureAlgorithms webAuthnPolicyUserVerificationRequirement"""
)
_TOP = REALM_KEYS | FAMILY_KEYS | BINDING_KEYS | SERVER_KEYS


def settings(document: Entry) -> Entry:
    """The realm's own settings in a document."""
    others = FAMILY_KEYS | BINDING_KEYS | SERVER_KEYS
    return {key: value for key, value in document.items() if key.lstrip("+") not in others}


def problems(document: Entry, realm: str, families: t.Sequence[Family]) -> list[str]:
    """What is wrong with a document as a whole."""
    del families
    found = [_substitution(path, value) for path, value in _texts(document, ()) if "$(" in value]
    for key in document:
        if REPLACED.get(key):
            found.append(f"{key} is a field of releases before 26: use {REPLACED[key]}")
        else:
            for line in misspelt("", [key], _TOP):
                problem = Unknown(line)
                problem.top = key.lstrip("+")
                found.append(problem)
    if document.get("realm") not in (None, "", realm):
        found.append(f"the document is for realm {document['realm']}, the option realm says {realm}: give one of them only, or the same")
    found += [f"{key}: expected a list, as in a realm export" for key in _LISTS if not isinstance(document.get(key), (list, type(None)))]
    found += [f"{key}: expected a map, as in a realm export" for key in _MAPS if not isinstance(document.get(key), (dict, type(None)))]
    return found


_LISTS = ("clients", "clientScopes", "groups", "users", "defaultGroups", "scopeMappings", "defaultDefaultClientScopes", "organizations", "workflows")
_MAPS = ("roles", "clientScopeMappings", "attributes", "smtpServer")


def _substitution(path: tuple[str, ...], value: str) -> str:
    found = _SUBSTITUTION.search(value)
    what = found["what"] if found else ""
    kind, _sep, rest = what.partition(":")
    plugin = {"env": f"lookup('ansible.builtin.env', '{rest.partition(':-')[0]}')", "file": f"lookup('ansible.builtin.file', '{rest.rpartition(':')[2]}')"}
    remedy = "{{ " + plugin.get(kind, "a_variable") + " }}"
    return (
        f"{'.'.join(path)} holds a $(…) substitution of keycloak-config-cli, which nothing fills in here: write {remedy}, or another variable, "
        "and give the document as config"
    )


def _texts(value: Json, path: tuple[str, ...]) -> t.Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, str(key)))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            label = next((str(item[key]) for key in ("name", "clientId", "alias", "username") if item.get(key)), "") if isinstance(item, dict) else ""
            yield from _texts(item, (*path, label or str(number)))
    elif isinstance(value, str):
        yield path, value


def unknown(where: str, keys: t.Iterable[str], known: t.Collection[str]) -> list[str]:
    """Lines about keys that are not known ones, whatever they resemble."""
    release = ".".join(map(str, NEWEST))
    found = []
    for key in keys:
        if key not in known:
            near = _near(str(key), known)
            others = f"known are {', '.join(sorted(known))}" if len(known) <= _FEW else f"Keycloak {release} has no such field; check its spelling"
            found.append(f"{where}{key} is not a known key: {f'did you mean {near}?' if near else others}")
    return found


def unknown_here(where: str, entry: Json, known: t.Collection[str]) -> list[str]:
    """As unknown, about an object that goes to the server as it is, which refuses it with 400: a newer server may know the key."""
    return [Unknown(line) for line in unknown(where, [str(key).lstrip("+") for key in entry], known)] if isinstance(entry, dict) else []


def may_know(version: str) -> bool:
    """Whether a server is newer than the lists of keys."""
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) > NEWEST


def misspelt(where: str, keys: t.Iterable[str], known: t.Collection[str]) -> list[str]:
    """Lines about keys that are nearly known ones. What resembles none may be newer than this list: the server decides."""
    found = []
    for key in keys:
        plain = str(key).lstrip("+")
        if plain in known:
            continue
        near = _near(plain, known)
        if near:
            found.append(f"{where}{plain} is not a known key: did you mean {near}?")
    return found


def _near(key: str, known: t.Collection[str]) -> str | None:
    """The known key that somebody may have meant."""
    lower = {name.lower(): name for name in known}
    return lower.get(key.replace("_", "").replace("-", "").lower()) or next(iter(difflib.get_close_matches(key, known, 1, _NEAR)), None)
