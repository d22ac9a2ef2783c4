# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of all modules that bring a server to a declared state; the argument specs are in module_utils/engine/options.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Shared documentation."""

    # How objects are written.
    DOCUMENTATION = r"""
options:
  mode:
    description:
      - V(merge) compares and writes only the keys that are declared; what a list of named children leaves out stays.
      - V(exact) also takes undeclared keys of a declared object back to the server's default, and removes undeclared children.
      - In both, V(null) removes a key, and a list is replaced; written as C(+key), its values are added instead.
    type: str
    choices: [merge, exact]
    default: merge
  adopt:
    description: Whose objects may be taken over. V(unmarked) refuses objects that carry the mark of another owner.
    type: str
    choices: [unmarked, any]
    default: unmarked
  verify:
    description: Read again what was written (but for new objects that the server's answer shows), and fail with the fields that it did not keep.
    type: bool
    default: true
  diff_limit:
    description: Characters after which either side of the diff is cut.
    type: int
    default: 20000
  update_secret:
    description:
      - When a secret that the server does not return is written again.
      - V(if_changed) compares a keyed hash, kept in the object's mark, and therefore needs O(secret_hash_key) and an O(owner).
        Without them such secrets are written at creation only, and a warning says so.
    type: str
    choices: [on_create, if_changed, always]
    default: if_changed
  secret_hash_key:
    description: Any random text, kept as a secret on the controller. With it the hashes of secrets are made, so that nobody can try values against them.
    type: str
  secret_paths:
    description: More fields that hold secrets, as paths or as their last key. They are hidden wherever they are shown.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Makes the same plan as the run, from the same reads, and carries out nothing of it.
  diff_mode:
    support: full
    description: Shows changed fields only, as YAML, without secrets.
notes:
  - When the connection is local, the module runs inside the controller and an item of a loop costs milliseconds. With C(become), C(async) or
    another connection it runs as a program on the host. The variable C(mlops_platform_in_process=false) asks for the latter.
  - Ansible prints the lines of a task that fails, and the items of a loop. Give secrets by variables, never inline, and set C(loop_control.label).
"""

    # One document with everything that is declared.
    DOCUMENT = r"""
options:
  config:
    description: The document. Exclusive with O(config_file).
    type: dict
  config_file:
    description: File of the controller that holds the document, as YAML or JSON; it may be encrypted by Ansible Vault. It is not templated.
    type: path
  owner:
    description:
      - Name of this document in the ownership marks of the objects it declares. Give every document of a server a name of its own.
      - An empty text writes no marks; then nothing can be pruned by V(owned), and drift is not told apart from a pending change.
    type: str
    default: mlops.platform
  prune:
    description:
      - What happens to objects of the server that the document does not declare. Either one word or a map from family to one.
      - V(none) leaves them. V(owned) deletes those that carry the mark of O(owner). V(all) deletes all but the server's own; as one word it counts
        for the families that the document names.
    type: raw
    default: none
  protect:
    description: Patterns of names, or of C(family/name), that are never pruned.
    type: list
    elements: str
    default: []
  max_deletes:
    description: More prunings than this, as a number or as a percentage of what is there, stop the run before its first write.
    type: str
    default: 20%
  families:
    description: Look at these families only. By default those that the document names, and those that are pruned.
    type: list
    elements: str
    default: []
  fail_on_drift:
    description: Fail, before the first write, when somebody changed on the server what an earlier run had applied.
    type: bool
    default: false
"""

    # One object of one family, or several.
    OBJECT = r"""
options:
  state:
    description:
      - Whether the object is there. An entry of O(items) may say it for itself.
      - To have it removed, its name is enough, with what is part of it, such as the client of a role. What else is said of it does not count.
    type: str
    choices: [present, absent]
    default: present
  items:
    description:
      - Several objects in one task, which is faster than a loop. Each takes the options that describe one object, O(settings) among them.
      - Exclusive with them.
    type: list
    elements: dict
  settings:
    description: Any other field of the object, by the name and in the form that the server's own API has for it.
    type: dict
  owner:
    description:
      - Name in the objects' ownership marks. By default none is written, and marks that are there are left alone.
      - With the name of a document that prunes, the document would delete what it does not declare.
    type: str
    default: ''
"""
